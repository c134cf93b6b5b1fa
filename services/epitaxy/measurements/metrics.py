"""Prometheus metrics of measurements, read from the store at every scrape: a restart changes none of them."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from epitaxy.chassis.errors import RetryLaterError
from epitaxy.measurements.domain import PropertyHealth
from epitaxy.measurements.ports import MeasurementStore

logger = logging.getLogger(__name__)

PREFIX = "epitaxy_measurements"
MAX_SERIES = 500
"""Largest number of subjects shown, the latest measured first; each is eight series."""
SHOWN_FOR = timedelta(days=30)
"""A version that is no longer measured must not keep an alert alive."""
LABELS = ("tenant", "model", "version", "property")


class MeasurementMetrics(Collector):
    """Health of what was measured lately, by tenant, model, version and property."""

    def __init__(self, registry: CollectorRegistry, store: MeasurementStore) -> None:
        self._store = store
        self._last: Sequence[PropertyHealth] = ()
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The families alone: registering reads no store."""
        return _families(())

    def collect(self) -> Iterable[Metric]:
        """What the store says now; while it does not answer, what it said last."""
        try:
            self._last = self._store.measured_since(datetime.now(UTC) - SHOWN_FOR, MAX_SERIES)
        except RetryLaterError as error:
            logger.warning("the health of models cannot be read", extra={"reason": error.message})
        return _families(self._last)


def _families(healths: Sequence[PropertyHealth]) -> list[Metric]:
    total = CounterMetricFamily(PREFIX, "Measurements kept.", labels=LABELS)
    coverage = _gauge("coverage_ratio", "Share of the window's measurements inside their intervals.")
    nominal = _gauge("nominal_coverage_ratio", "Share that the intervals promise.")
    lower = _gauge("band_lower_ratio", "Least coverage that chance explains in 99 of 100 cases.")
    upper = _gauge("band_upper_ratio", "Largest coverage that chance explains in 99 of 100 cases.")
    error = _gauge("mean_absolute_error", "Mean absolute error over the window, in the property's unit.")
    bias = _gauge("bias", "Mean of measured minus predicted over the window, in the property's unit.")
    size = _gauge("window_size", "Measurements in the window.")
    for health in healths:
        subject, window = health.subject, health.window
        labels = (subject.tenant, subject.model, subject.version, subject.property)
        total.add_metric(labels, health.n_total)
        coverage.add_metric(labels, window.coverage)
        nominal.add_metric(labels, window.nominal_coverage)
        lower.add_metric(labels, window.band[0])
        upper.add_metric(labels, window.band[1])
        error.add_metric(labels, window.mean_absolute_error)
        bias.add_metric(labels, window.bias)
        size.add_metric(labels, window.n_measurements)
    return [total, coverage, nominal, lower, upper, error, bias, size]


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=LABELS)
