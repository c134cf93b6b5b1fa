"""Card of a tenant's model: what it was learned from, how well it was seen to do, and what it needs to answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.classes.link import ProbabilityLink
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.descriptors import DESCRIPTOR_VERSION
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.physics.limits import KnownOrder
from epitaxy_models.transfer.verdict import Verdict

FORMAT = 1


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The substrate under a model; its digest names the weights whose embeddings the model reads."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """A value of a lower fidelity that the caller supplies beside each structure.

    Attributes:
        name: Name of the column, as in the labels.
        is_required: Whether every label came with it, so that the model never learned to do without.
        unit: Unit that the labels stated; empty if they did not.
        fidelity: Level of theory, None if the labels did not say.
    """

    name: str
    is_required: bool = True
    unit: str = ""
    fidelity: Fidelity | None = None


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """What stands behind the intervals.

    Attributes:
        calibrator: Multipliers on the scale of the fit, from predictions out of fold.
        method: How they were fitted.
        measured_coverage: Share of labels within their interval, measured out of fold.
        measured_at: Nominal coverage of that measurement.
        n_measured: Labels in it.
    """

    calibrator: Calibrator
    method: str
    measured_coverage: float
    measured_at: float
    n_measured: int


@dataclass(frozen=True, slots=True)
class TransferCard:
    """All that a user needs to trust or reproduce a tenant's model.

    Attributes:
        name: Name of the model, without the tenant.
        base: The substrate.
        definition: The property, its unit and level of theory.
        transform: Scale of the fit.
        strategy: What was chosen.
        calibration: Behind the intervals.
        verdict: Verdict on the chosen strategy against the best without transfer.
        verdict_reason: The same as a sentence.
        maes: Cross-validated mean absolute error by strategy, in the property's unit; of classes Brier scores.
        n_labels: Labels that it was fitted on.
        known_columns: What the caller supplies beside structures.
        peers: Further substrates whose features it reads, such as ``chgnet``.
        description: One line.
        license: License of the model; empty if it is the tenant's own.
        training: Whatever else is worth keeping, such as job, seeds and digest of the labels; plain JSON.
        descriptors: Version of the descriptors that it was fitted on.
        conditions: What the labels say of conditions; a caller states them of each candidate.
        orders: Stated values that answers stay under, or over.
        link: From scores to the probability that the model answers with; None unless the labels are 0 or 1.
    """

    name: str
    base: BaseModel
    definition: PropertyDefinition
    transform: TargetTransform
    strategy: str
    calibration: CalibrationRecord
    verdict: Verdict
    verdict_reason: str
    maes: Mapping[str, float]
    n_labels: int
    known_columns: tuple[KnownColumn, ...] = ()
    peers: tuple[str, ...] = ()
    description: str = ""
    license: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    descriptors: str = DESCRIPTOR_VERSION
    conditions: tuple[Condition, ...] = ()
    orders: tuple[KnownOrder, ...] = ()
    link: ProbabilityLink | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the model knows no more than a constant: its answers need a person's eye."""
        return self.strategy == "pool_median" or bool(self.training.get("is_constant", False))

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Names of the values without which there is no answer."""
        return tuple(column.name for column in self.known_columns if column.is_required)

    def as_json(self) -> dict[str, Any]:
        """Plain containers, ready for ``json.dump``."""
        record = asdict(self) | {"format": FORMAT}
        # The card of a model without conditions, orders and classes is the same as it always was.
        return {key: value for key, value in record.items() if value or key not in ("conditions", "orders", "link")}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "TransferCard":
        """Rebuilds a card. Raises CheckpointError if a field is missing, unknown, or of another version."""
        try:
            if record["format"] != FORMAT:
                raise CheckpointError(
                    f"the model has format {record['format']}, this code reads {FORMAT}", reason="STALE_CHECKPOINT"
                )
            if _reads_crystals(record) and record["descriptors"] != DESCRIPTOR_VERSION:
                raise CheckpointError(
                    f"the model expects {record['descriptors']}, this code computes {DESCRIPTOR_VERSION}: fit it again",
                    reason="STALE_CHECKPOINT",
                )
            fields = {key: value for key, value in record.items() if key != "format"}
            return cls(**(fields | _rebuilt(record)))
        except (KeyError, TypeError, ValueError, AttributeError, ConfigurationError) as error:
            raise CheckpointError(
                f"the card of the model does not fit this code: {error}", reason="INVALID_CARD"
            ) from error


def _reads_crystals(record: Mapping[str, Any]) -> bool:
    """Models of other materials name the descriptors of their own kind, which are compared where these are computed."""
    return "material_descriptors" not in record["training"]


def _rebuilt(record: Mapping[str, Any]) -> dict[str, Any]:
    calibration, definition = record["calibration"], record["definition"]
    calibrator = Calibrator.from_json(calibration["calibrator"])
    return {
        "base": BaseModel(**record["base"]),
        "definition": PropertyDefinition(**(definition | {"fidelity": Fidelity(definition["fidelity"])})),
        "transform": TargetTransform.from_json(record["transform"]),
        "calibration": CalibrationRecord(**(calibration | {"calibrator": calibrator})),
        "verdict": Verdict(record["verdict"]),
        "known_columns": tuple(_column(entry) for entry in record["known_columns"]),
        "peers": tuple(record["peers"]),
        "conditions": tuple(Condition.from_json(entry) for entry in record.get("conditions", ())),
        "orders": tuple(KnownOrder(**entry) for entry in record.get("orders", ())),
        "link": ProbabilityLink.from_json(record["link"]) if record.get("link") else None,
    }


def _column(record: Mapping[str, Any]) -> KnownColumn:
    fidelity = record["fidelity"]
    return KnownColumn(**{**record, "fidelity": None if fidelity is None else Fidelity(fidelity)})
