"""The gateway as a child process, and the probe that tells when it is ready."""

import sys
from collections.abc import Mapping
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from epitaxy.stack.child import Command
from epitaxy.stack.home import StackHome
from epitaxy.stack.plan import StackPlan


def gateway_command(
    plan: StackPlan, home: StackHome, secret: Path | None = None, inner: Mapping[str, str] | None = None
) -> Command:
    """The gateway in front of this plan's Serve application.

    Args:
        plan: Addresses of this stack.
        home: Folder of its state.
        secret: File with what the gateway proves itself with to the services behind it.
        inner: Addresses of the fine-tune service and of the campaign service, by name.
    """
    environment = {
        "EPITAXY_GATEWAY_HOST": plan.host,
        "EPITAXY_GATEWAY_PORT": str(plan.port),
        "EPITAXY_GATEWAY_UPSTREAM": plan.serve_address,
        "EPITAXY_GATEWAY_UPSTREAM_APPLICATION": plan.application_name,
        "EPITAXY_GATEWAY_METRICS_PORT": str(plan.gateway_metrics_port),
        # The upstream is on this machine and about to come: look often, stop soon.
        "EPITAXY_GATEWAY_UPSTREAM_CONNECT_PATIENCE_SECONDS": "0.5",
        "EPITAXY_GATEWAY_READINESS_INTERVAL_SECONDS": "0.5",
        "EPITAXY_GATEWAY_SHUTDOWN_GRACE_SECONDS": "1",
    }
    if secret is not None:
        environment["EPITAXY_GATEWAY_PREDICTION_SECRET_FILE"] = str(secret)
    for name, address in (inner or {}).items():
        environment[f"EPITAXY_GATEWAY_{name.upper()}_UPSTREAM"] = address
        environment[f"EPITAXY_GATEWAY_{name.upper()}_SECRET_FILE"] = str(secret)
    return Command("gateway", [sys.executable, "-m", "epitaxy.gateway"], home.logs / "gateway.log", environment)


class HealthProbe:
    """Asks a service's grpc.health.v1 whether it is serving."""

    def __init__(self, address: str) -> None:
        # A refused connection is tried again at once, not after gRPC's growing pauses.
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300)]
        self._channel = grpc.insecure_channel(address, options=options)
        self._stub = health_pb2_grpc.HealthStub(self._channel)

    def is_serving(self) -> bool:
        """True if the whole server reports SERVING."""
        try:
            reply = self._stub.Check(health_pb2.HealthCheckRequest(), timeout=0.5)
        except grpc.RpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()
