"""What a transfer report says, as plain values: the JSON file, and all that the page shows."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from epitaxy_models.materials import MaterialKind
from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.conditions.condition import Condition

FORMAT = 1


@dataclass(frozen=True, slots=True)
class PropertySection:
    """What was learned; every error and value of the report is in ``unit``."""

    name: str
    unit: str
    transform: str
    base_model: str


@dataclass(frozen=True, slots=True)
class BestSimple:
    """The best that needs hardly a fit: the substrate's head, a line on it, or the median, with its error."""

    strategy: str
    error: float


@dataclass(frozen=True, slots=True)
class VerdictSection:
    """The outcome.

    Attributes:
        sentence: The verdict in one sentence for a chemist, with numbers.
        transfer: HELPS, NEUTRAL or HURTS of the best strategy with transfer.
        chosen: Strategy that serves.
        chosen_verdict: Verdict on that strategy.
        reference: The best strategy without transfer.
        reason: Why that one was chosen.
        is_calibrated: Whether intervals of the chosen one keep their promise out of fold.
        best_simple: The best of head, line and median out of fold; None if none was compared.
    """

    sentence: str
    transfer: str
    chosen: str
    chosen_verdict: str
    reference: str
    reason: str
    is_calibrated: bool
    best_simple: BestSimple | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not used, and what to do about it."""

    row_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SuspiciousRow:
    """A label that its owner should look at.

    Attributes:
        row: Position from 0; None for a finding about all labels.
        row_id: Name of the row.
        value: The label.
        kind: What is odd: ``WILD``, ``WRONG_UNIT``, ``OUTLIER`` or ``REPLICATES``.
        message: One line.
    """

    row: int | None
    row_id: str
    value: float | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class DataSection:
    """The data check before training; ``details`` is all of it, plain containers."""

    n_rows: int
    n_usable: int
    n_merged: int
    refused: tuple[RefusedRow, ...]
    warnings: tuple[str, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    suspicious: tuple[SuspiciousRow, ...] = ()


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """A structure and the nearest materials that the substrate was trained on, with distances in the latent space."""

    row_id: str
    formula: str
    nearest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class LatentMap:
    """Source and target in the two leading directions of the source: points ``(x, y)``.

    Attributes:
        source: A sample of the source materials.
        target: The tenant's structures.
        target_names: Row and formula of each.
        explained: Share of the source's variance in both directions.
    """

    source: tuple[tuple[float, float], ...]
    target: tuple[tuple[float, float], ...]
    target_names: tuple[str, ...]
    explained: float


@dataclass(frozen=True, slots=True)
class AuditSection:
    """What was expected before any training.

    Attributes:
        forecast: HELPS, NEUTRAL or HURTS, or empty if no audit ran.
        statements: What was found, one sentence each.
        neighbours: Farthest structures first.
        latent_map: None if the base model has no source index.
        details: All of the audit, plain containers.
    """

    forecast: str
    statements: tuple[str, ...]
    neighbours: tuple[NeighbourRow, ...]
    latent_map: LatentMap | None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One strategy out of fold.

    Attributes:
        name: Name of the strategy.
        is_transfer: Whether it uses the pretrained substrate.
        may_serve: Whether it might have been chosen.
        mae: Mean absolute error, with an interval of 95 %.
        mae_low: Its lower end.
        mae_high: Its upper end.
        gain: Error of the reference less that of the strategy, paired, with an interval of 95 %.
        gain_low: Its lower end.
        gain_high: Its upper end.
        verdict: HELPS or HURTS where the gain is beyond noise, on the scale that is learned and without what single
            labels say.
        seconds: Time of all fits.
        against_chosen: Error of what serves less that of the strategy, paired, with an interval of 95 %.
        against_chosen_low: Its lower end.
        against_chosen_high: Its upper end.
        beats_chosen: HELPS where it errs less than what serves beyond noise, HURTS where it errs more.
    """

    name: str
    is_transfer: bool
    may_serve: bool
    mae: float
    mae_low: float
    mae_high: float
    gain: float
    gain_low: float
    gain_high: float
    verdict: str
    seconds: float
    against_chosen: float = 0.0
    against_chosen_low: float = 0.0
    against_chosen_high: float = 0.0
    beats_chosen: str = "NEUTRAL"

    @property
    def differs(self) -> str:
        """How it stands to what serves, in words."""
        return {"HELPS": "better, beyond noise", "HURTS": "worse, beyond noise"}.get(self.beats_chosen, "within noise")


@dataclass(frozen=True, slots=True)
class SkippedStrategy:
    """A strategy that was not compared, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Mean absolute error with so many training labels, with a band of 80 % over splits."""

    n_labels: int
    mae: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Errors of one strategy, by ascending number of labels."""

    strategy: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class ParityRow:
    """A label and what was predicted for it out of fold; interval at the report's coverage.

    ``side`` is -1 for a label that is an upper bound, 1 for a lower one, 0 for a value.
    """

    row_id: str
    formula: str
    label: float
    predicted: float
    lower: float
    upper: float
    side: int = 0

    @property
    def error(self) -> float:
        """Absolute error; of a bound the distance on its wrong side."""
        difference = self.predicted - self.label
        return max(-self.side * difference, 0.0) if self.side else abs(difference)


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """Errors out of fold of rows that have something in common.

    Attributes:
        kind: ``elements`` (number of them), ``formula`` (``seen`` by the substrate in training, with labels of another
            kind, or ``unseen``), or ``element``.
        name: ``3``, ``seen``, ``O``.
        n_rows: Rows of the group.
        mae: Of the strategy that serves.
        simple_mae: Of the best of head, line and median.
        excess: Error of the group less that of all other rows, with an interval of 95 %.
        excess_low: Its lower end.
        excess_high: Its upper end.
        is_beyond_noise: Whether that interval leaves out zero.
    """

    kind: str
    name: str
    n_rows: int
    mae: float
    simple_mae: float
    excess: float
    excess_low: float
    excess_high: float
    is_beyond_noise: bool


@dataclass(frozen=True, slots=True)
class FidelityRow:
    """One column of cheaper values; errors are in the property's unit, None if no label has a value.

    Attributes:
        column: Name of the column.
        fidelity: Level of theory, empty if it was not stated.
        cost: Cost of one value; 0: not stated.
        n_values: Values that its model was fitted on, those of rows without a label included.
        model_mae: Mean absolute error of that model on formulas that it has not seen.
        n_known: Labels whose value is known.
        mae_with: Error of these with the value.
        mae_without: Error of these without.
        gain: Error without less error with, paired, with an interval of 95 %.
        gain_low: Its lower end.
        gain_high: Its upper end.
        advice: What to buy next, one sentence.
    """

    column: str
    fidelity: str
    cost: float
    n_values: int
    model_mae: float
    n_known: int
    mae_with: float | None
    mae_without: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    advice: str


@dataclass(frozen=True, slots=True)
class FidelityState:
    """Measured coverage of 90 % intervals of rows in one state, out of fold."""

    name: str
    coverage: float
    n_rows: int


@dataclass(frozen=True, slots=True)
class FidelitySection:
    """What cheaper values bought."""

    columns: tuple[FidelityRow, ...] = ()
    states: tuple[FidelityState, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationSection:
    """Measured coverage of the intervals at each nominal one, out of fold; ``n_rows`` labels."""

    nominal: tuple[float, ...]
    measured: tuple[float, ...]
    n_rows: int


@dataclass(frozen=True, slots=True)
class SuccessionSection:
    """A refit against the version that it may replace, both out of fold on the same splits.

    Attributes:
        version: The version that it may replace.
        base_model: ``NAME:VERSION`` of the substrate under that version.
        strategy: What that version serves with.
        n_splits: Splits that both predicted; 0 if they were not compared.
        mae: Mean absolute error of that version's process; None if they were not compared, as all below.
        new_mae: The refit's.
        gain: Error of that version less the refit's, paired row by row.
        gain_low: Lower end of its interval, corrected for splits that share training rows.
        gain_high: Upper end.
        verdict: HELPS, NEUTRAL or HURTS: what the refit does to the error; empty if they were not compared.
        sentence: The same for a person, or why they were not compared.
    """

    version: str
    base_model: str
    strategy: str
    n_splits: int
    mae: float | None
    new_mae: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True)
class TransferReport:
    """All sections.

    Attributes:
        coverage: Nominal coverage of the intervals in ``parity``.
        parity: One row a usable label.
        worst: The largest errors of them, largest first.
        blocks: Share of each block of features in the chosen model, by name; empty if it has none.
        succession: The refit against the version that it may replace; None unless the job is a refit.
        conditions: Conditions of the labels, with what they cover.
        groups: Errors by chemistry.
        fidelities: What cheaper values bought; empty without such columns.
        classes: Of labels that are 0 or 1, what the probabilities are worth: predictions are probabilities then, and
            every ``mae``, ``error`` and ``gain`` but those of single rows is a Brier score. None for other labels.
        kind: What the rows are.
    """

    subject: PropertySection
    verdict: VerdictSection
    data: DataSection
    audit: AuditSection
    strategies: tuple[StrategyRow, ...]
    skipped: tuple[SkippedStrategy, ...]
    learning_curves: tuple[LearningCurve, ...]
    coverage: float
    parity: tuple[ParityRow, ...]
    worst: tuple[ParityRow, ...]
    calibration: CalibrationSection
    blocks: Mapping[str, float]
    succession: SuccessionSection | None = None
    conditions: tuple[Condition, ...] = ()
    groups: tuple[GroupErrors, ...] = ()
    fidelities: FidelitySection = field(default_factory=FidelitySection)
    classes: ClassQuality | None = None
    kind: MaterialKind = MaterialKind.STRUCTURE

    def as_record(self) -> dict[str, Any]:
        """Plain containers that JSON holds; an endless interval end is None."""
        record: dict[str, Any] = _finite({"format": FORMAT} | asdict(self))
        if not self.conditions:
            # A report without conditions is the same as it always was.
            del record["conditions"]
        if self.kind is MaterialKind.STRUCTURE:
            del record["kind"]
        if self.classes is None:
            del record["classes"]
        return record

    def as_json(self) -> str:
        """The JSON file."""
        return json.dumps(self.as_record(), indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
