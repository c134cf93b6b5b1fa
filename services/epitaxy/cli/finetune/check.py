"""The check of labels that a job makes, on this machine: from the labels and the base model's answers to their rows."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client import ScreenResult
from epitaxy.client.finetune.labels import Labels
from epitaxy.client.results import Note, Repair
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.conditions.condition import Condition, value_keys
from epitaxy_models.transfer.labels.censoring import sides_of
from epitaxy_models.transfer.labels.classes import judge_classes
from epitaxy_models.transfer.labels.findings import MIN_LABELS, DataCheck, DuplicateLabels, Obstacle
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow, judge_labels, robust_deviation
from epitaxy_models.transfer.labels.readings import CRYSTAL, Reading, RowReading, readings_told
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel
from epitaxy_models.transfer.labels.units import REFERENCES, ReferenceValues

__all__ = ["MIN_LABELS", "FlaggedRow", "LabelCheck", "check_labels"]

_SKEW_RATIO = 30.0
_DOUBTFUL = "DOUBTFUL_STRUCTURE"


@dataclass(frozen=True, slots=True)
class FlaggedRow:
    """A row, and a note on what is wrong or remarkable about it."""

    row: int
    id: str
    note: str


@dataclass(frozen=True, slots=True)
class HeadAlone:
    """What the base model is worth on the labels, unchanged.

    Attributes:
        property: Property of the base model.
        error: Mean absolute error, in the labels' unit.
        n_labels: Labels that it was measured on.
    """

    property: str
    error: float
    n_labels: int


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """Outcome of a check; the counts are those of a job.

    Attributes:
        n_labels: Number of rows with a label.
        n_usable: Number of crystals to learn from; rows of one crystal count once.
        known: Number of values per low-fidelity column.
        conditions: What the labels cover of each condition, a text each.
        n_upper_bounds: Number of usable labels that are upper bounds.
        n_lower_bounds: Number of usable labels that are lower bounds.
        spread: Robust standard deviation of the labels, in their unit.
        is_skewed: Whether the labels are positive and span orders of magnitude, so that a logarithmic transform may
            help.
        refused: Rows that would have to be skipped.
        outliers: Labels far from the others.
        conflicts: Crystals of several rows, with labels that differ.
        twins: Crystals of several rows, with labels that agree.
        suspicious: Labels to look at, as a job tells them, the gravest first.
        stop: Why a job would make no model; None: it would start.
        readings: Repairs and notes of structures that have a label.
        domain: Number of usable rows per domain verdict of the base model.
        far: Usable rows outside the base model's training data, farthest first.
        n_ones: Labels that are 1, of classes; None: the labels are numbers.
        head_alone: What the base model is worth without any of the labels; None if it predicts nothing in their unit.
        noun: What messages call a material.
    """

    n_rows: int
    n_labels: int
    n_usable: int
    known: Mapping[str, int]
    minimum: float
    median: float
    maximum: float
    spread: float
    is_skewed: bool
    refused: tuple[FlaggedRow, ...]
    outliers: tuple[FlaggedRow, ...]
    conflicts: tuple[FlaggedRow, ...]
    twins: tuple[FlaggedRow, ...]
    suspicious: tuple[SuspiciousLabel, ...]
    stop: Obstacle | None
    readings: tuple[RowReading, ...]
    domain: Mapping[str, int]
    far: tuple[FlaggedRow, ...]
    head_alone: HeadAlone | None
    conditions: tuple[str, ...] = ()
    n_upper_bounds: int = 0
    n_lower_bounds: int = 0
    noun: str = CRYSTAL
    n_ones: int | None = None

    @property
    def readings_told(self) -> str:
        """Codes of repairs and notes with their rows; empty where there are none."""
        return readings_told(self.readings, self.noun)

    @property
    def is_enough(self) -> bool:
        """Whether there are enough labels for a job."""
        return self.n_usable >= MIN_LABELS


def check_labels(
    labels: Labels,
    column: str,
    results: Sequence[ScreenResult],
    *,
    unit: str = "",
    transform: str = "auto",
    accept_suspicious: bool = False,
    noun: str = CRYSTAL,
) -> LabelCheck:
    """Checks the labels of a column.

    Args:
        labels: All rows.
        column: The column to learn.
        results: The base model's answer to each row, in the order of the rows.
        unit: Of the labels; empty: not stated, so that it is not doubted.
        transform: The scale on which the labels are learned.
        accept_suspicious: Whether gross errors stop nothing.
        noun: What messages call a material.
    """
    values = labels.values[column]
    keys = value_keys(list(labels.conditions.values()), len(values))
    sides = sides_of(labels.sides, len(values)).tolist()
    rows = [_row(*entry) for entry in zip(results, values.tolist(), keys, sides, strict=True)]

    def answers(chosen: NDArray[np.int64]) -> list[ReferenceValues]:
        return list(_answers([results[row] for row in chosen.tolist()]))

    are_classes = labels.task == "classification"
    judged = judge_classes(rows, noun=noun) if are_classes else judge_labels(rows, unit, transform, answers, noun=noun)
    check = judged.check
    has_label = np.isfinite(values)
    known = values[has_label] if has_label.any() else np.array([np.nan])
    usable = [result for result, flag in zip(results, has_label, strict=True) if flag and result.error is None]
    return LabelCheck(
        n_rows=check.n_rows,
        n_labels=int(has_label.sum()),
        n_usable=check.n_usable,
        known={name: int(np.isfinite(other).sum()) for name, other in labels.values.items() if name != column},
        minimum=float(known.min()),
        median=float(np.median(known)),
        maximum=float(known.max()),
        spread=robust_deviation(known),
        n_ones=int(np.count_nonzero(known == 1)) if are_classes else None,
        is_skewed=not are_classes and bool(known.min() > 0 and known.max() > _SKEW_RATIO * np.median(known)),
        refused=tuple(FlaggedRow(e.row, e.id, f"{e.reason}: {e.message}") for e in check.refused if e.is_refused),
        outliers=tuple(_outliers(check)),
        conflicts=tuple(_note(group, noun) for group in check.duplicates if group.is_conflicting),
        twins=tuple(_note(group, noun) for group in check.duplicates if not group.is_conflicting),
        suspicious=check.suspicious,
        stop=check.stops(accept_suspicious=accept_suspicious),
        readings=check.readings,
        domain=dict(Counter(result.domain_verdict for result in usable).most_common()),
        far=tuple(_far(usable)),
        head_alone=None if are_classes else _head_alone(results, values, unit),
        conditions=tuple(_covered(name, column[has_label]) for name, column in labels.conditions.items()),
        n_upper_bounds=check.n_upper_bounds,
        n_lower_bounds=check.n_lower_bounds,
        noun=noun,
    )


def _head_alone(results: Sequence[ScreenResult], values: NDArray[np.float64], unit: str) -> HeadAlone | None:
    """Error of the property of the base model that has the unit of the labels and errs least on them."""
    rows = [row for row, result in enumerate(results) if np.isfinite(values[row]) and result.error is None]
    if not rows:
        return None
    labels = values[rows]
    found = [
        HeadAlone(answer.name, float(np.abs(answer.values - labels).mean()), len(rows))
        for answer in _answers([results[row] for row in rows])
        if answer.unit == unit
    ]
    return min(found, key=lambda entry: entry.error, default=None)


def _covered(name: str, values: NDArray[Any]) -> str:
    try:
        learned = Condition.learned(name, values)
    except ConfigurationError as error:
        return str(error)
    missing = f"; unknown of {learned.n_missing} labels" if learned.n_missing else ""
    return f"{name}: {learned.covered}{missing}"


def _row(result: ScreenResult, label: float, conditions: Hashable, side: int) -> LabelledRow:
    if result.error is not None:
        refusal = (result.error.reason, result.error.message)
        return LabelledRow(result.index, result.id, label, None, refusal)
    crystal = Crystal(result.formula, result.n_sites, _key(result))
    readings = tuple(_readings(result))
    return LabelledRow(result.index, result.id, label, crystal, readings=readings, conditions=conditions, side=side)


def _readings(result: ScreenResult) -> Iterator[Reading]:
    """Repairs and notes; which of them leave a doubt, the server's review says."""
    rules = zip(result.review.codes, result.review.reasons, strict=True)
    doubtful = {reason.partition(":")[0] for code, reason in rules if code == _DOUBTFUL}
    findings: list[Repair | Note] = [*result.repairs, *result.notes]
    yield from (Reading(one.code, one.message, one.code in doubtful) for one in findings)


def _key(result: ScreenResult) -> Hashable:
    """Rows with one formula and equal predictions are one crystal to the base model."""
    return (result.formula, *(f"{prediction.value:.5g}" for prediction in result.predictions))


def _answers(results: Sequence[ScreenResult]) -> Iterator[ReferenceValues]:
    """What the base model predicts of energies and gaps."""
    for name in REFERENCES:
        found = [[entry for entry in result.predictions if entry.property == name] for result in results]
        if results and all(found):
            values = np.array([entries[0].value for entries in found], dtype=np.float64)
            yield ReferenceValues(name, found[0][0].unit, values)


def _outliers(check: DataCheck) -> Iterator[FlaggedRow]:
    for entry in check.outliers:
        note = f"label {entry.label:g} is {abs(entry.robust_z):.0f} robust std from the median"
        yield FlaggedRow(entry.row, entry.id, note)


def _note(group: DuplicateLabels, noun: str) -> FlaggedRow:
    span = f"labels {min(group.labels):g} to {max(group.labels):g}"
    note = f"{group.formula} is the same {noun} as {', '.join(group.ids[1:4])}: {span}"
    return FlaggedRow(group.rows[0], group.ids[0], note)


def _far(results: Sequence[ScreenResult]) -> Iterator[FlaggedRow]:
    outside = [result for result in results if result.domain_verdict not in ("IN_DOMAIN", "")]
    for result in sorted(outside, key=lambda result: -(result.domain_score or 0.0)):
        yield FlaggedRow(result.index, result.id, f"{result.formula}, {result.domain_verdict}: {result.domain_reason}")
