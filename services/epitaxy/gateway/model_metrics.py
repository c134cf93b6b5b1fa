"""What models answer, by version: the domain they are asked about, their spread, and the coverage they promise."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from epitaxy.chassis.metrics import BoundedLabel
from epitaxy.gateway.domain import ModelUse, PropertyUse

_PREFIX = "epitaxy_gateway_model"
MAX_VERSIONS = 256
_OTHER = ("OTHER", "OTHER")
_PROPERTY_LABELS = ["model", "version", "property"]


class ModelMetrics:
    """Counts by model version; versions beyond the bound share one name."""

    def __init__(self, registry: CollectorRegistry, tenant: BoundedLabel) -> None:
        self._tenant = tenant
        self._version = BoundedLabel(MAX_VERSIONS)
        self._structures = Counter(
            f"{_PREFIX}_structures",
            "Structures answered, by tenant, model version and domain verdict.",
            ["tenant", "model", "version", "verdict"],
            registry=registry,
        )
        self._values = Counter(
            f"{_PREFIX}_values", "Values predicted, by model version and property.", _PROPERTY_LABELS, registry=registry
        )
        self._spread = Counter(
            f"{_PREFIX}_epistemic_std",
            "Sum of the members' spread over the values predicted, in the property's unit.",
            _PROPERTY_LABELS,
            registry=registry,
        )
        self._measured = Gauge(
            f"{_PREFIX}_measured_coverage_ratio",
            "Share of kept-back labels inside their intervals, as the served calibration states it.",
            _PROPERTY_LABELS,
            registry=registry,
        )
        self._promised = Gauge(
            f"{_PREFIX}_promised_coverage_ratio",
            "Coverage that the intervals promise where it was measured.",
            _PROPERTY_LABELS,
            registry=registry,
        )

    def used(self, tenant: str, use: ModelUse, verdicts: Mapping[str, int]) -> None:
        """Counts one answer."""
        if not use.model:
            return
        known = self._version(f"{use.model}:{use.version}") != "OTHER"
        model, version = (use.model, use.version) if known else _OTHER
        for verdict, count in verdicts.items():
            self._structures.labels(self._tenant(tenant), model, version, verdict or "UNSPECIFIED").inc(count)
        for part in use.properties:
            self._property(model, version, part)

    def _property(self, model: str, version: str, part: PropertyUse) -> None:
        labels = (model, version, part.name)
        self._values.labels(*labels).inc(part.n_values)
        self._spread.labels(*labels).inc(part.epistemic_std)
        if part.promised_coverage > 0:
            self._measured.labels(*labels).set(part.measured_coverage)
            self._promised.labels(*labels).set(part.promised_coverage)
