"""Prometheus metrics that every service has, and their HTTP endpoint."""

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from threading import Thread

from prometheus_client import CollectorRegistry, Counter, Histogram, MetricsHandler, ProcessCollector

RPC_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
POLL_SECONDS = 0.1
"""How soon the metrics thread notices that it is to stop."""


class BoundedLabel:
    """Keeps a label's values few: the first ``limit`` distinct acceptable ones, then ``other``."""

    def __init__(self, limit: int, accepts: Callable[[str], bool] = bool, other: str = "OTHER") -> None:
        self._limit = limit
        self._accepts = accepts
        self._other = other
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, or ``other``."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._limit or not self._accepts(value):
            return self._other
        self._seen.add(value)
        return value


class RpcMetrics:
    """Calls by method and code, and how long they took."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._requests = Counter(
            f"{prefix}_requests", "Calls answered, by method and gRPC code.", ["method", "code"], registry=registry
        )
        self._seconds = Histogram(
            f"{prefix}_request_seconds",
            "Time from the first byte of a call to its status, seconds.",
            ["method"],
            buckets=RPC_SECONDS_BUCKETS,
            registry=registry,
        )

    def observe(self, method: str, code: str, seconds: float) -> None:
        """Counts one call that has ended."""
        self._requests.labels(method, code).inc()
        self._seconds.labels(method).observe(seconds)


class MetricsEndpoint:
    """Serves a registry over HTTP at ``/metrics`` in a thread of its own, with memory, time and start of the process.

    Beside it ``/livez`` and ``/readyz``, 200 or 503, for kubelets, whose own gRPC probe speaks no TLS. Raises OSError
    if it cannot listen.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        kind = _Ipv6Server if ":" in host else ThreadingHTTPServer
        self._probes: dict[str, Callable[[], bool]] = {"/livez": lambda: True, "/readyz": lambda: False}
        self._server = kind((host, port), _handler(registry, self._probes))
        ProcessCollector(registry=registry)
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True, name="metrics")
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on, also if port 0 asked for any free one."""
        return self._server.server_port

    def answer_probes(self, *, is_alive: Callable[[], bool], is_ready: Callable[[], bool]) -> None:
        """Until then the process counts as alive and not ready."""
        self._probes.update({"/livez": is_alive, "/readyz": is_ready})

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Ipv6Server(ThreadingHTTPServer):
    address_family = AF_INET6


def _handler(registry: CollectorRegistry, probes: Mapping[str, Callable[[], bool]]) -> type[BaseHTTPRequestHandler]:
    metrics: type[MetricsHandler] = MetricsHandler.factory(registry)

    class Handler(metrics):  # type: ignore[valid-type, misc]  # made for the registry at run time
        def do_GET(self) -> None:  # noqa: N802  # the name that the standard library asks for
            if self.path not in probes:
                super().do_GET()
                return
            self.send_response(200 if probes[self.path]() else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler
