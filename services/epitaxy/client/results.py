"""What the client gives back: frozen values, free of protobuf."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from epitaxy.api.common.v1 import model_pb2, property_pb2, review_pb2, structure_pb2
from epitaxy.api.prediction.v1 import prediction_pb2, structures_pb2

Outcome = Literal["answered", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why one structure has no answer.

    Attributes:
        reason: Stable upper-case code, such as ``PARTIAL_OCCUPANCY``.
        message: One line: what is wrong and what to do about it.
        retryable: True where sending the same structure again can succeed.
    """

    reason: str
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that the intake made to a structure so that it could be used."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CalibrationStamp:
    """What stands behind an interval.

    Attributes:
        method: How the interval was made.
        n_calibration: Structures in the calibration set.
        measured_coverage: Share of kept-back structures inside their interval.
        measured_at: Nominal coverage of that measurement.
        n_measured: Structures in that measurement.
    """

    method: str
    n_calibration: int
    measured_coverage: float
    measured_at: float
    n_measured: int

    @classmethod
    def from_proto(cls, stamp: property_pb2.CalibrationStamp) -> "CalibrationStamp":
        """The stamp as the server gave it."""
        return cls(stamp.method, stamp.n_calibration, stamp.measured_coverage, stamp.measured_at, stamp.n_measured)


@dataclass(frozen=True, slots=True)
class PropertyPrediction:
    """One predicted value, in ``unit``, as are all standard deviations and both bounds.

    Attributes:
        epistemic_std: Spread of the ensemble's members.
        aleatoric_std: Noise that the members expect.
        std: Both together, calibrated: squared errors over it average one. 0 from a server that does not tell.
        coverage: Nominal coverage of ``[lower, upper]``.
        fidelity: Level of theory in one word: ``"PBE"``.
        level_of_theory: The same in full, with its vintage.
    """

    property: str
    value: float
    unit: str
    epistemic_std: float
    aleatoric_std: float
    lower: float
    upper: float
    coverage: float
    fidelity: str
    level_of_theory: str
    calibration: CalibrationStamp
    std: float = 0.0


@dataclass(frozen=True, slots=True)
class Review:
    """What the model's review policy says of an answer.

    Attributes:
        verdict: ``"ACCEPT"``, ``"REVIEW"`` or ``"REJECT"``; empty where the server judges nothing.
        reasons: One line a rule that fired, the gravest first.
        codes: Stable upper-case codes of the same rules.
    """

    verdict: str = ""
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @classmethod
    def from_proto(cls, decision: review_pb2.ReviewDecision) -> "Review":
        """The decision as the server gave it."""
        if not decision.verdict:
            return cls()
        rules = decision.rules
        return cls(
            review_name(decision.verdict), tuple(rule.message for rule in rules), tuple(rule.code for rule in rules)
        )


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """The answer to one structure: predictions, or the error that took their place.

    Attributes:
        id: The row's own id or the file's name.
        index: Position of the structure in the input, from 0; unique where ids are not.
        formula: Reduced formula; empty where refused.
        domain_score: 0 central to the training data, 1 beyond all of it; None where refused.
        domain_verdict: ``"IN_DOMAIN"``, ``"BORDERLINE"`` or ``"OUT_OF_DOMAIN"``; empty where refused.
        cache_hit: True where the embedding came from a cache.
        review: What the model's review policy says.
        model_digest: ``"sha256:..."`` of the weights and the card that answered.
        error: None where there is an answer.
    """

    id: str
    index: int
    formula: str = ""
    n_sites: int = 0
    predictions: tuple[PropertyPrediction, ...] = ()
    domain_score: float | None = None
    domain_verdict: str = ""
    domain_reason: str = ""
    cache_hit: bool = False
    repairs: tuple[Repair, ...] = ()
    model: str = ""
    model_version: str = ""
    model_digest: str = ""
    error: ItemError | None = None
    review: Review = Review()

    @property
    def outcome(self) -> Outcome:
        """``"refused"`` is final, ``"failed"`` is a fault that a later run may not see."""
        if self.error is None:
            return "answered"
        return "failed" if self.error.retryable else "refused"

    def __getitem__(self, name: str) -> PropertyPrediction:
        """The prediction of one property. Raises KeyError where there is none."""
        for prediction in self.predictions:
            if prediction.property == name:
                return prediction
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """How the server reads one structure, without a prediction."""

    id: str
    index: int
    formula: str = ""
    n_sites: int = 0
    repairs: tuple[Repair, ...] = ()
    refusal: ItemError | None = None

    @classmethod
    def from_proto(cls, report: structures_pb2.IntakeReport, item_id: str, index: int) -> "IntakeReport":
        """The report under the caller's own id."""
        refusal = item_error(report.refusal) if report.HasField("refusal") else None
        return cls(item_id, index, report.reduced_formula, report.n_sites, repairs_of(report.repairs), refusal)


class ResultBlockReader:
    """Turns one block of answers into results; what holds for the block is read once."""

    def __init__(self, block: prediction_pb2.ResultBlock) -> None:
        self._model: model_pb2.ModelStamp = block.model
        self._results = block.results
        self._properties = [
            (stamp.definition, fidelity_name(stamp.definition.fidelity), CalibrationStamp.from_proto(stamp.calibration))
            for stamp in block.properties
        ]

    def __iter__(self) -> Iterator[prediction_pb2.StructureResult]:
        """The answers as sent."""
        return iter(self._results)

    def read(self, answer: prediction_pb2.StructureResult, item_id: str, index: int) -> ScreenResult:
        """One answer under the caller's own id."""
        stamp = self._model
        if answer.WhichOneof("outcome") != "prediction":
            return ScreenResult(
                item_id, index, model=stamp.name, model_version=stamp.version, model_digest=stamp.digest,
                error=item_error(answer.error),
            )  # fmt: skip
        prediction = answer.prediction
        return ScreenResult(
            id=item_id,
            index=index,
            formula=prediction.reduced_formula,
            n_sites=prediction.n_sites,
            predictions=tuple(self._value(value) for value in prediction.values),
            domain_score=prediction.domain.score,
            domain_verdict=verdict_name(prediction.domain.verdict),
            domain_reason=prediction.domain.reason,
            cache_hit=prediction.cache_hit,
            repairs=repairs_of(prediction.repairs),
            model=stamp.name,
            model_version=stamp.version,
            model_digest=stamp.digest,
            review=Review.from_proto(prediction.review),
        )

    def _value(self, value: prediction_pb2.PropertyValue) -> PropertyPrediction:
        definition, fidelity, calibration = self._properties[value.property_index]
        return PropertyPrediction(
            property=definition.name,
            value=value.value,
            unit=definition.unit,
            epistemic_std=value.epistemic_std,
            aleatoric_std=value.aleatoric_std,
            lower=value.interval.lower,
            upper=value.interval.upper,
            coverage=value.interval.coverage,
            fidelity=fidelity,
            level_of_theory=definition.level_of_theory,
            calibration=calibration,
            std=value.std,
        )


def item_error(error: structure_pb2.ItemError) -> ItemError:
    """The error of one item; a server that names no reason gets ``UNKNOWN``."""
    return ItemError(error.reason or "UNKNOWN", error.message, error.retryable)


def repairs_of(repairs: Iterable[structure_pb2.Repair]) -> tuple[Repair, ...]:
    """The repairs of one structure, in the intake's order."""
    return tuple(Repair(repair.code, repair.message) for repair in repairs)


def fidelity_name(value: int) -> str:
    """``"PBE"`` for ``FIDELITY_PBE``; the number itself for one that this client does not know."""
    return enum_name(property_pb2.Fidelity.Name, "FIDELITY_", value)


def verdict_name(value: int) -> str:
    """``"IN_DOMAIN"`` for ``DOMAIN_VERDICT_IN_DOMAIN``."""
    return enum_name(prediction_pb2.DomainVerdict.Name, "DOMAIN_VERDICT_", value)


def review_name(value: int) -> str:
    """``"REVIEW"`` for ``REVIEW_VERDICT_REVIEW``."""
    return enum_name(review_pb2.ReviewVerdict.Name, "REVIEW_VERDICT_", value)


def enum_name(name_of: Callable[[Any], str], prefix: str, value: int) -> str:
    """The name of an enum's value without its prefix; the number itself for one that this client does not know."""
    try:
        return name_of(value).removeprefix(prefix)
    except ValueError:
        return str(value)  # a newer server's value
