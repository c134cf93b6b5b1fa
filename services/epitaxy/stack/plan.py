"""What a stack will be: every address and argument, decided before anything is started."""

import os
from dataclasses import dataclass, field
from typing import Any

from epitaxy.chassis.cores import usable_cores
from epitaxy.stack.errors import StackError
from epitaxy.stack.ports import LOOPBACK, free_ports, preferred_port, require_free
from epitaxy.stack.serve_config import shipped_config

_GATEWAY_METRICS_PORT = 9464
_FINETUNE_METRICS_PORT = 9465
_CAMPAIGNS_METRICS_PORT = 9466
# Half a gigabyte each: a laptop has other things to do.
_MOST_REPLICAS = 4
_TLS_SETTINGS = ("EPITAXY_GATEWAY_TLS_CERT_PATH", "EPITAXY_GATEWAY_TLS_KEY_PATH")


def replicas_by_cores() -> int:
    """Intake replicas of a stack on this machine: one per core, up to a bound."""
    return min(_MOST_REPLICAS, usable_cores())


@dataclass(frozen=True, slots=True)
class StackPlan:
    """Addresses and application of one stack.

    Attributes:
        host: Where the gateway listens.
        port: Where the gateway listens.
        redis_url: An external Redis; empty for a private one.
        application: Import path ``module:function`` of the application's builder.
        application_name: Its name in Serve.
        servicer_functions: Import paths that register the ingress servicers.
        logical_cpus: CPUs that Ray counts with, not cores: every replica finds a place on a small machine.
        object_store_bytes: Shared memory of Ray.
        intake_replicas: Processes that answer, one thread each, unless the environment sets another number.
    """

    host: str
    port: int
    serve_port: int
    http_port: int
    gateway_metrics_port: int
    finetune_port: int
    finetune_metrics_port: int
    campaigns_port: int
    campaigns_metrics_port: int
    ray_ports: tuple[int, ...]
    redis_url: str = ""
    application: str = field(default_factory=lambda: shipped_config().import_path)
    application_name: str = field(default_factory=lambda: shipped_config().name)
    servicer_functions: tuple[str, ...] = field(default_factory=lambda: shipped_config().servicer_functions)
    logical_cpus: int = 16
    object_store_bytes: int = 256 * 2**20
    intake_replicas: int = field(default_factory=replicas_by_cores)

    @classmethod
    def draw(cls, host: str, port: int, redis_url: str = "", **changes: Any) -> "StackPlan":
        """A plan on free ports; port 0 is any. Raises StackError if the public one is taken."""
        _refuse_tls()
        if port:
            require_free(host, port)
        public, serve_port, http_port, finetune_port, campaigns_port, *ray_ports = free_ports(11)
        metrics_port, finetune_metrics_port, campaigns_metrics_port = map(
            preferred_port, (_GATEWAY_METRICS_PORT, _FINETUNE_METRICS_PORT, _CAMPAIGNS_METRICS_PORT)
        )
        return cls(
            host,
            port or public,
            serve_port,
            http_port,
            metrics_port,
            finetune_port,
            finetune_metrics_port,
            campaigns_port,
            campaigns_metrics_port,
            tuple(ray_ports),
            redis_url,
            **changes,
        )

    @property
    def address(self) -> str:
        """HOST:PORT of the gateway, as gRPC writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def probe_address(self) -> str:
        """HOST:PORT by which this machine reaches the gateway."""
        return f"{LOOPBACK}:{self.port}" if self.host in {"0.0.0.0", "::"} else self.address

    @property
    def serve_address(self) -> str:
        """HOST:PORT of Serve's gRPC ingress."""
        return f"{LOOPBACK}:{self.serve_port}"

    @property
    def finetune_address(self) -> str:
        """HOST:PORT of the fine-tune service."""
        return f"{LOOPBACK}:{self.finetune_port}"

    @property
    def campaigns_address(self) -> str:
        """HOST:PORT of the campaign service."""
        return f"{LOOPBACK}:{self.campaigns_port}"


def _refuse_tls() -> None:
    for name in _TLS_SETTINGS:
        if os.environ.get(name):
            raise StackError(f"the local stack serves without TLS: unset {name}, or run python -m epitaxy.gateway")
