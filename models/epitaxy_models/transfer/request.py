"""A tenant's job: what goes in, what is told on the way, what comes out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import shipped_model
from epitaxy_models.errors import ConfigurationError, EpitaxyError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.labels.censoring import Sides
from epitaxy_models.transfer.labels.readings import Reading
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel
from epitaxy_models.transfer.predecessor import Predecessor
from epitaxy_models.transfer.records import SuccessionSection
from epitaxy_models.transfer.verdict import Verdict


@dataclass(frozen=True, slots=True)
class TransferBudget:
    """What a job may cost.

    Attributes:
        max_seconds: Wall time; frozen strategies always run, networks only if they fit into it.
        strategies: Names of what may serve, besides the pool median; None allows all.
    """

    max_seconds: float = 600.0
    strategies: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not self.max_seconds > 0:
            raise ConfigurationError(
                f"the budget must be positive, got {self.max_seconds:g} s", reason="INVALID_BUDGET"
            )

    def allows(self, name: str) -> bool:
        """Whether that strategy may serve."""
        return self.strategies is None or name in self.strategies


@dataclass(frozen=True, slots=True, eq=False)
class LowFidelityColumn:
    """Values that the tenant knows for their structures beside the labels.

    Attributes:
        values: NaN if unknown, ``[n_rows]``.
        unit: Unit of the values, empty if unknown.
        fidelity: Their level of theory, None if unknown.
        cost: Cost of one value, in the unit of the target's cost; 0: not known.
    """

    values: NDArray[np.float64]
    unit: str = ""
    fidelity: Fidelity | None = None
    cost: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TransferRequest:
    """One job.

    Attributes:
        name: Name of the model that the job makes.
        rows: Name and structure of each row, or why it could not be read.
        labels: Labels in the property's unit, NaN if missing, ``[n_rows]``.
        definition: Property, unit, level of theory, bounds.
        out: Folder that will hold ``model/``, ``report.json`` and ``report.html``; replaced as a whole, at the end.
        low_fidelity: Columns by name; rows without a label teach the model of the cheaper value.
        label_cost: Cost of one label of the target; 0: not known.
        transform: ``auto``, ``none``, ``log10`` or ``log1p``.
        base: Folder of the substrate.
        budget: Time and strategies.
        seed: Seed of all splits and fits; equal requests give equal models.
        target_errors: Mean absolute errors, on the scale that is learned, for which to estimate the labels needed.
        peers: Other substrates whose features are read besides, of ``names.PEERS``.
        accept_suspicious: Whether to go on in spite of gross errors, without wild labels.
        readings: What reading the structures took, by the position of the row.
        predecessor: The version that a refit may replace, and is compared with; None for any other job.
        conditions: Conditions of the labels by name; they belong to the rows, not to the crystals.
        sides: Which labels are bounds, as of ``labels.censoring.Side``, int8 ``[n_rows]``; None: none.
        laws: Laws that the property keeps, each one of ``names.LAWS``; empty: the one that it is known
            to keep, if there is one.
        are_classes: Whether labels are 0 or 1, and the model answers with the probability of a 1.
    """

    name: str
    rows: Sequence[tuple[str, Structure | EpitaxyError]]
    labels: NDArray[np.float64]
    definition: PropertyDefinition
    out: Path
    low_fidelity: Mapping[str, LowFidelityColumn] = field(default_factory=dict)
    label_cost: float = 0.0
    transform: str = "auto"
    base: Path = field(default_factory=shipped_model)
    budget: TransferBudget = field(default_factory=TransferBudget)
    seed: int = 0
    target_errors: tuple[float, ...] = ()
    peers: tuple[str, ...] = ()
    accept_suspicious: bool = False
    readings: Mapping[int, tuple[Reading, ...]] = field(default_factory=dict)
    predecessor: Predecessor | None = None
    conditions: Mapping[str, ConditionColumn] = field(default_factory=dict)
    sides: Sides | None = None
    laws: tuple[str, ...] = ()
    are_classes: bool = False

    def __post_init__(self) -> None:
        if self.are_classes:
            self._check_classes()
        lengths = {"labels": self.labels.shape} | {name: c.values.shape for name, c in self.low_fidelity.items()}
        lengths |= {name: column.values.shape for name, column in self.conditions.items()}
        lengths |= {} if self.sides is None else {"sides": self.sides.shape}
        for name, shape in lengths.items():
            if shape != (len(self.rows),):
                raise ConfigurationError(
                    f"{name} of shape {list(shape)} for {len(self.rows)} rows: give one value a row",
                    reason="WRONG_LENGTH",
                )

    def _check_classes(self) -> None:
        odd = {
            "columns of cheaper values": self.low_fidelity,
            "laws": self.laws,
            "labels that are bounds": self.sides is not None and self.sides.any(),
            f"the transform {self.transform}": self.transform not in ("auto", "none"),
        }
        found = [name for name, is_given in odd.items() if is_given]
        if found:
            raise ConfigurationError(
                f"{' and '.join(found)} make no sense for labels that are 0 or 1: leave them out, or learn the column "
                "as a number; a value that is known of every candidate can be a condition",
                reason="NOT_FOR_CLASSES",
            )


class TransferStage(StrEnum):
    """Where a job stands."""

    AUDITING = "AUDITING"
    TRAINING = "TRAINING"
    EVALUATING = "EVALUATING"


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """Progress.

    Attributes:
        stage: What is going on.
        fraction: Finished share of the whole job, 0 to 1, never falling.
        message: One line.
        metrics: Errors so far by strategy, in the property's unit.
    """

    stage: TransferStage
    fraction: float
    message: str
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """A finished job.

    Attributes:
        verdict: Verdict on the chosen strategy against the best without transfer; HURTS needs an override.
        transfer_verdict: Verdict on the best strategy with transfer.
        chosen: Name of the strategy that serves.
        maes: Cross-validated mean absolute error by strategy, in the property's unit; of classes Brier scores.
        sentence: The verdict for a chemist.
        is_calibrated: Whether intervals keep their promise out of fold.
        report: The report, as in ``report_json``.
        report_json: Path of the report as JSON.
        report_html: Path of the report as HTML.
        model: Folder of the model.
        digest: Digest of the model.
        is_constant: True if the model knows no more than a constant.
        suspicious: What is odd among the labels, the gravest first.
        succession: The refit against the version that it may replace; None unless the job is a refit.
        classes: What the probabilities are worth; None unless the labels are 0 or 1.
    """

    verdict: Verdict
    transfer_verdict: Verdict
    chosen: str
    maes: Mapping[str, float]
    sentence: str
    is_calibrated: bool
    report: Mapping[str, Any]
    report_json: Path
    report_html: Path
    model: Path
    digest: str
    is_constant: bool = False
    suspicious: tuple[SuspiciousLabel, ...] = ()
    succession: SuccessionSection | None = None
    classes: ClassQuality | None = None


OnEvent = Callable[[TransferEvent], None]
ShouldStop = Callable[[], bool]
