"""Model card: everything that is known about a set of weights, as JSON beside them."""

from dataclasses import asdict, dataclass, field
from typing import Any

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.graph import GraphRule
from epitaxy_models.graphs.rules import Rule, rule_from_json
from epitaxy_models.heads.property import Fidelity, PropertyDefinition


@dataclass(frozen=True, slots=True)
class PropertyCard:
    """One served property.

    Kinds of crystals are counted by ``n``, ``mae``, ``coverage`` and ``mean_interval_width``.

    Attributes:
        definition: Name, unit, level of theory, bounds.
        head: Index of its head in the weights.
        calibrator: Interval multipliers.
        calibration_method: How they were fitted.
        measured_coverage: Share of test structures within their interval at ``measured_at``.
        measured_at: Nominal coverage of that measurement.
        n_measured: Test structures in it.
        metrics: Held-out errors by name; units in the names.
        errors_by_group: Errors on the test part, by kind of crystal.
        textbook: Errors on test structures of well-known formulas, a part of its own, all and by kind of crystal.
        out_of_fold: Errors of members on well-known formulas that they left out of their training, by kind of crystal:
            ``coverage_80``, ``coverage_90`` and ``coverage_95`` of the intervals that are served, and the ends of a
            95 % interval of the error, ``mae_low`` and ``mae_high``, from formulas drawn again.
    """

    definition: PropertyDefinition
    head: int
    calibrator: Calibrator
    calibration_method: str
    measured_coverage: float
    measured_at: float
    n_measured: int
    metrics: dict[str, float]
    errors_by_group: dict[str, dict[str, float]] = field(default_factory=dict)
    textbook: dict[str, dict[str, float]] = field(default_factory=dict)
    out_of_fold: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Where the weights come from."""

    name: str
    attribution: str
    license: str
    split: str
    n_train: int
    n_validation: int
    n_calibration: int
    n_test: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that a user needs to trust, cite or reproduce a model.

    ``heads`` names every head in the weights, in their order, by its label column: those of served properties and those
    that transfer draws on. ``element_floors`` has the lowest value of a crystal of one element, in the head's unit, by
    label column; ``element_equals`` names the columns that are one quantity for such a crystal.
    """

    name: str
    version: str
    description: str
    license: str
    backbone: BackboneConfig
    rule: Rule
    properties: tuple[PropertyCard, ...]
    training_data: TrainingData
    training: dict[str, Any]
    heads: tuple[str, ...] = ()
    element_floors: dict[str, float] = field(default_factory=dict)
    element_equals: tuple[str, ...] = ()

    @property
    def crystal_rule(self) -> GraphRule:
        """The rule of crystals. Raises CheckpointError (OTHER_KIND) for a model of other materials."""
        if isinstance(self.rule, GraphRule):
            return self.rule
        raise CheckpointError(
            f"{self.name} is no model of crystals: its graphs are {self.rule.version}", reason="OTHER_KIND"
        )

    def property_named(self, name: str) -> PropertyCard | None:
        """The property of that name, None if the model has none."""
        return next((card for card in self.properties if card.definition.name == name), None)

    def element_floor(self, head: int) -> float:
        """Lowest value of a head for crystals of one element; -inf if it has none."""
        return self.element_floors.get(self.heads[head], float("-inf")) if head < len(self.heads) else float("-inf")

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        return asdict(self) | {"featurizer_version": self.rule.version}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "ModelCard":
        """Rebuilds a card. Raises CheckpointError if a field is missing, unknown, or contradicts the code."""
        try:
            rule = rule_from_json(record["rule"])
            if rule.version != record["featurizer_version"]:
                raise CheckpointError(
                    f"weights expect featurizer {record['featurizer_version']}, this code builds {rule.version}",
                    reason="STALE_CHECKPOINT",
                )
            return cls(
                **{key: record[key] for key in ("name", "version", "description", "license", "training")},
                backbone=BackboneConfig(**record["backbone"]),
                rule=rule,
                properties=tuple(_property_from_json(entry) for entry in record["properties"]),
                training_data=TrainingData(**record["training_data"]),
                heads=tuple(record.get("heads", ())),
                element_floors=dict(record.get("element_floors", {})),
                element_equals=tuple(record.get("element_equals", ())),
            )
        except (KeyError, TypeError, ValueError, ConfigurationError) as error:
            raise CheckpointError(f"the model card does not fit this code: {error}", reason="INVALID_CARD") from error


def _property_from_json(record: dict[str, Any]) -> PropertyCard:
    definition = record["definition"] | {"fidelity": Fidelity(record["definition"]["fidelity"])}
    rebuilt = {
        "definition": PropertyDefinition(**definition),
        "calibrator": Calibrator.from_json(record["calibrator"]),
    }
    return PropertyCard(**(record | rebuilt))
