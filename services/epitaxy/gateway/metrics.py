"""The gateway's Prometheus metrics."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from epitaxy.chassis.metrics import RPC_SECONDS_BUCKETS, BoundedLabel, RpcMetrics
from epitaxy.gateway.domain import Tally

PREFIX = "epitaxy_gateway"
MAX_REASONS = 64
MAX_TENANTS = 200

_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class GatewayMetrics:
    """Counts what passes; implements the GatewayObserver port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rpc = RpcMetrics(registry, PREFIX)
        self._reason = BoundedLabel(MAX_REASONS, accepts=lambda reason: _REASON.fullmatch(reason) is not None)
        self._tenant = BoundedLabel(MAX_TENANTS)
        self._structures = Counter(
            f"{PREFIX}_structures",
            "Structures answered, by outcome and, where there is no prediction, reason.",
            ["outcome", "reason"],
            registry=registry,
        )
        self._tenant_structures = Counter(
            f"{PREFIX}_tenant_structures", "Structures received, by tenant.", ["tenant"], registry=registry
        )
        self._in_flight = Gauge(
            f"{PREFIX}_chunks_in_flight", "Messages that wait for their answer from upstream.", registry=registry
        )
        self._retries = Counter(
            f"{PREFIX}_chunk_retries", "Messages sent upstream again, by cause.", ["cause"], registry=registry
        )
        self._upstream_seconds = Histogram(
            f"{PREFIX}_upstream_seconds",
            "Time of one upstream attempt, by method and gRPC code, seconds.",
            ["method", "code"],
            buckets=RPC_SECONDS_BUCKETS,
            registry=registry,
        )

    def structures_in(self, tenant: str, count: int) -> None:
        """Counts structures that a tenant sent."""
        self._tenant_structures.labels(self._tenant(tenant)).inc(count)

    def outcomes(self, tally: Tally) -> None:
        """Counts structures that were answered, refused or lost."""
        if tally.answered:
            self._structures.labels("answered", "").inc(tally.answered)
        for (reason, retryable), count in tally.errors_by_reason.items():
            self._structures.labels("failed" if retryable else "refused", self._reason(reason)).inc(count)

    @contextmanager
    def chunk_in_flight(self) -> Iterator[None]:
        """Counts one chunk as under way."""
        with self._in_flight.track_inprogress():
            yield

    def retry(self, cause: str) -> None:
        """Counts one repeated call."""
        self._retries.labels(cause).inc()

    def upstream_call(self, method: str, code: str, seconds: float) -> None:
        """Observes one upstream attempt."""
        self._upstream_seconds.labels(method, code).observe(seconds)
