"""The gateway's Prometheus metrics."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from epitaxy.chassis.metrics import RPC_SECONDS_BUCKETS, BoundedLabel, RpcMetrics
from epitaxy.gateway.domain import CHUNK_FAULTS, ModelUse, Tally
from epitaxy.gateway.model_metrics import ModelMetrics
from epitaxy.gateway.searching.metrics import SearchMetrics

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
            "Structures by outcome and, if there is no prediction, reason.",
            ["outcome", "reason"],
            registry=registry,
        )
        self._tenant_structures = Counter(
            f"{PREFIX}_tenant_structures", "Structures received, by tenant.", ["tenant"], registry=registry
        )
        self._start_at_zero()
        self._models = ModelMetrics(registry, self._tenant)
        self.searches = SearchMetrics(registry, PREFIX)
        self._certificate_expiry: Gauge | None = None
        self._registry = registry
        self._chunk_seconds = Histogram(
            f"{PREFIX}_chunk_seconds",
            "Time from a message of a screen to its answer or its loss, retries included, seconds.",
            buckets=RPC_SECONDS_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(
            f"{PREFIX}_chunks_in_flight", "Messages that wait for an answer from upstream.", registry=registry
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
        """Counts one chunk as in flight, and times it."""
        with self._in_flight.track_inprogress(), self._chunk_seconds.time():
            yield

    def retry(self, cause: str) -> None:
        """Counts one repeated call."""
        self._retries.labels(cause).inc()

    def model_used(self, tenant: str, use: ModelUse, tally: Tally) -> None:
        """Counts what a model version answered."""
        self._models.used(tenant, use, tally)

    def publish_certificate_expiry(self, expires_at: datetime) -> None:
        """Publishes the expiry of the served certificate; without TLS there is no such metric."""
        if self._certificate_expiry is None:
            self._certificate_expiry = Gauge(
                f"{PREFIX}_certificate_expiry_timestamp_seconds",
                "Expiry of the served certificate, seconds since 1970.",
                registry=self._registry,
            )
        self._certificate_expiry.set(expires_at.timestamp())

    def upstream_call(self, method: str, code: str, seconds: float) -> None:
        """Observes one upstream attempt."""
        self._upstream_seconds.labels(method, code).observe(seconds)

    def _start_at_zero(self) -> None:
        """Starts the series of faults: one that begins with its first fault hides that fault from every rate."""
        self._structures.labels("answered", "")
        for fault in CHUNK_FAULTS:
            self._structures.labels("failed", self._reason(fault.default_reason))
