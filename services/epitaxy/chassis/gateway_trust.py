"""Trust in the gateway, which has authenticated the tenant and names it in the call's metadata."""

import re
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
from epitaxy.chassis.signed_calls import SIGNATURE_HEADER, TENANT_HEADER, is_signed
from epitaxy.chassis.tenants import TenantName
from epitaxy_models.errors import ConfigurationError

SECRET_HEADER = "x-gateway-secret"
KEY_ID_HEADER = "x-key-id"
_KEY_ID = re.compile(r"[A-Za-z0-9@._:+-]{1,128}")

_TENANT: TypeAdapter[str] = TypeAdapter(TenantName)


class GatewayScope(CallScope):
    """Binds the tenant that the gateway names. If a secret is set, callers must prove that they know it.

    They do so by a signature, or by the secret itself, as a gateway of the version before does in an upgrade. Health
    checks need neither.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Binds the tenant. Raises UnauthenticatedError."""
        if not call.method.startswith(OPEN_SERVICES):
            if self._secret and not self._is_from_gateway(call):
                raise UnauthenticatedError("only the gateway may call")
            bind_tenant(_tenant(call), _key_id(call))
        yield

    def _is_from_gateway(self, call: RpcCall) -> bool:
        if call.header(SIGNATURE_HEADER):
            names = {name: call.header(name) for name in (SIGNATURE_HEADER, TENANT_HEADER)}
            return is_signed(self._secret, names, call.method.rpartition("/")[2])
        return compare_digest(call.header(SECRET_HEADER).encode(), self._secret.encode())


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


def _key_id(call: RpcCall) -> str:
    """The id of the key that the gateway was called with, for the audit log; empty if it names none."""
    named = call.header(KEY_ID_HEADER)
    return named if _KEY_ID.fullmatch(named) else ""
