"""Metrics of what models answer, by version: domain verdicts, review verdicts, spread and promised coverage."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from epitaxy.chassis.metrics import BoundedLabel
from epitaxy.gateway.domain import ModelUse, PropertyUse, Tally

_PREFIX = "epitaxy_gateway_model"
MAX_VERSIONS = 256
MAX_RULES = 16
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
        self._reviews = Counter(
            f"{_PREFIX}_reviews",
            "Structures answered, by tenant, model version and verdict of the model's review policy.",
            ["tenant", "model", "version", "verdict"],
            registry=registry,
        )
        self._rules = Counter(
            f"{_PREFIX}_review_rules",
            "Rules of review policies that fired, by model version.",
            ["model", "version", "rule"],
            registry=registry,
        )
        self._rule = BoundedLabel(MAX_RULES)
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
            "Nominal coverage at which the coverage of the intervals was measured.",
            _PROPERTY_LABELS,
            registry=registry,
        )

    def used(self, tenant: str, use: ModelUse, tally: Tally) -> None:
        """Counts one answer."""
        if not use.model:
            return
        known = self._version(f"{use.model}:{use.version}") != "OTHER"
        model, version = (use.model, use.version) if known else _OTHER
        who = (self._tenant(tenant), model, version)
        for counter, verdicts in ((self._structures, tally.domain_verdicts), (self._reviews, tally.review_verdicts)):
            for verdict, count in verdicts.items():
                counter.labels(*who, verdict or "UNSPECIFIED").inc(count)
        for rule, count in tally.review_rules.items():
            self._rules.labels(model, version, self._rule(rule)).inc(count)
        for part in use.properties:
            self._property(model, version, part)

    def _property(self, model: str, version: str, part: PropertyUse) -> None:
        labels = (model, version, part.name)
        self._values.labels(*labels).inc(part.n_values)
        self._spread.labels(*labels).inc(part.epistemic_std)
        if part.nominal_coverage > 0:
            self._measured.labels(*labels).set(part.measured_coverage)
            self._promised.labels(*labels).set(part.nominal_coverage)
