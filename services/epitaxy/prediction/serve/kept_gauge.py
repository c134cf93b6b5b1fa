"""Gauges that stay: Ray's exporter forgets a gauge that was not set for 20 s, whatever its value."""

import threading
import time
from collections.abc import Mapping, Sequence
from weakref import WeakSet

from ray.util.metrics import Gauge

_SECONDS_BETWEEN = 5.0
_kept: "WeakSet[KeptGauge]" = WeakSet()
_start = threading.Lock()
_threads: list[threading.Thread] = []


class KeptGauge:
    """A gauge whose values are set again every few seconds, for as long as its process lives.

    Args:
        name: Name of the metric.
        description: What it tells.
        tags: Names of its labels.
    """

    def __init__(self, name: str, description: str, tags: Sequence[str] = ()) -> None:
        self._gauge = Gauge(name, description, tuple(tags))
        self._values: dict[tuple[tuple[str, str], ...], float] = {}
        _keep(self)

    def set(self, value: float, tags: Mapping[str, str] | None = None) -> None:
        """Sets the value for these labels."""
        self._values[tuple(sorted((tags or {}).items()))] = value
        self._gauge.set(value, dict(tags or {}))

    def repeat(self) -> None:
        """Sets every value again."""
        for tags, value in list(self._values.items()):
            self._gauge.set(value, dict(tags))


def _keep(gauge: KeptGauge) -> None:
    with _start:
        _kept.add(gauge)
        if not _threads:
            _threads.append(threading.Thread(target=_repeat_all, daemon=True, name="gauges"))
            _threads[0].start()


def _repeat_all() -> None:
    while True:
        time.sleep(_SECONDS_BETWEEN)
        with _start:
            gauges = list(_kept)
        for gauge in gauges:
            gauge.repeat()
