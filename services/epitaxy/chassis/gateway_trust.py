"""Trust in the gateway, which has authenticated the tenant and names it in the call's metadata."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path

import grpc
from pydantic import TypeAdapter, ValidationError

from epitaxy.chassis.call_scope import CallScope, RpcCall
from epitaxy.chassis.errors import UnauthenticatedError
from epitaxy.chassis.interceptors import (
    DeadlineScope,
    ErrorScope,
    ObservationScope,
    RequestContextScope,
)
from epitaxy.chassis.metrics import RpcMetrics
from epitaxy.chassis.open_calls import OPEN_SERVICES
from epitaxy.chassis.request_context import bind_tenant
from epitaxy.chassis.tenants import TenantName
from epitaxy_models.errors import ConfigurationError

TENANT_HEADER = "x-tenant"
SECRET_HEADER = "x-gateway-secret"

_TENANT: TypeAdapter[str] = TypeAdapter(TenantName)


class GatewayScope(CallScope):
    """Binds the tenant that the gateway names. If a secret is set, callers must know it; health checks need neither."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Binds the tenant. Raises UnauthenticatedError."""
        if not call.method.startswith(OPEN_SERVICES):
            if self._secret and not compare_digest(call.header(SECRET_HEADER).encode(), self._secret.encode()):
                raise UnauthenticatedError("only the gateway may call")
            bind_tenant(_tenant(call))
        yield


def gateway_interceptors(metrics: RpcMetrics, secret: str, default_deadline_seconds: float) -> list[CallScope]:
    """All interceptors of a service behind the gateway, outermost first."""
    return [
        RequestContextScope(),
        ObservationScope(metrics),
        ErrorScope(),
        GatewayScope(secret),
        DeadlineScope(default_deadline_seconds),
    ]


def inner_server(
    metrics: RpcMetrics, secret: str, default_deadline_seconds: float, max_message_bytes: int
) -> grpc.aio.Server:
    """A gRPC server that only the gateway may call."""
    return grpc.aio.server(
        interceptors=gateway_interceptors(metrics, secret, default_deadline_seconds),
        options=[
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.so_reuseport", 0),  # else two servers share a port and split its callers
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )


def read_secret(path: Path | None) -> str:
    """The secret in a file, empty without one. Raises ConfigurationError."""
    if path is None:
        return ""
    try:
        secret = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"the gateway secret {path} cannot be read: {error.strerror}") from error
    if not secret:
        raise ConfigurationError(f"the gateway secret {path} is empty")
    return secret


def _tenant(call: RpcCall) -> str:
    try:
        return _TENANT.validate_python(call.header(TENANT_HEADER))
    except ValidationError as error:
        raise UnauthenticatedError("the call names no tenant") from error
