"""The one check of labels, for a job and for ``epitaxy finetune audit``: rows in, crystals and findings out.

It imports nothing but NumPy and this package's own light modules, so that it runs on a client's machine.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.labels.censoring import Side, Sides, merged
from epitaxy_models.transfer.labels.findings import (
    MIN_LABELS,
    DataCheck,
    DuplicateLabels,
    LabelRefusal,
    Obstacle,
    OutlyingLabel,
    RefusedLabel,
    SeenCrystal,
)
from epitaxy_models.transfer.labels.looking import doubtful_structures, suspicious_labels, unplaced_labels
from epitaxy_models.transfer.labels.plausibility import Similarity
from epitaxy_models.transfer.labels.readings import CRYSTAL, Reading, RowReading
from epitaxy_models.transfer.labels.suspicion import SuspiciousLabel
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.labels.units import ReferenceValues, UnitDoubt, doubted_unit
from epitaxy_models.transfer.labels.wild import wild_labels

# Labels of one crystal farther apart than this share of the robust deviation of all labels are told.
_CONFLICT = 0.5
_OUTLYING = 5.0
# Median absolute deviation to standard deviation, for normal labels.
_MAD_TO_STD = 1.4826
# Squares of larger numbers overflow, and squares of smaller differences vanish.
_LARGEST, _SMALLEST = 1e100, 1e-100
# Differences below this share of the labels are rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Crystal:
    """A crystal, as far as the check of labels needs it.

    Attributes:
        reduced_formula: Formula of smallest integers, spelled as messages show it: ``"TiO2"``.
        n_sites: Atoms in the cell.
        key: Equal for equal crystals.
    """

    reduced_formula: str
    n_sites: int
    key: Hashable


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One row: its crystal, or why there is none.

    Attributes:
        row: Position from 0.
        id: Name.
        label: NaN where missing.
        crystal: None where ``refusal`` says why.
        refusal: Reason and message.
        readings: What reading the crystal took.
        conditions: Equal for rows under equal conditions.
        side: Whether the label is a value or a bound, as of ``censoring.Side``.
    """

    row: int
    id: str
    label: float
    crystal: Crystal | None
    refusal: tuple[str, str] = ("", "")
    readings: tuple[Reading, ...] = ()
    conditions: Hashable = ()
    side: int = Side.AT


ReadAnswers = Callable[[NDArray[np.int64]], Sequence[ReferenceValues]]
"""What the substrate predicts for the crystals of some rows."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedLabels:
    """Crystals to learn from, one a row, and what the check found.

    Attributes:
        check: The findings.
        rows: Position of each crystal's first row, int64 ``[n_usable]``.
        labels: The label, or the median of several, float64 ``[n_usable]``.
        transform: Scale to learn on; None where the labels have no place on the one asked for.
        replicate_std: Spread of labels of one crystal, in their unit; 0 where none is repeated.
        sides: Which of the labels are bounds, as of ``censoring.Side``, int8 ``[n_usable]``.
    """

    check: DataCheck
    rows: NDArray[np.int64]
    labels: NDArray[np.float64]
    transform: TargetTransform | None
    replicate_std: float
    sides: Sides


def judge_labels(
    rows: Sequence[LabelledRow],
    unit: str = "",
    transform: str = "auto",
    read_answers: ReadAnswers | None = None,
    find_seen: Callable[[Sequence[LabelledRow]], tuple[SeenCrystal, ...]] = lambda rows: (),
    noun: str = CRYSTAL,
) -> JudgedLabels:
    """Sorts rows into usable, merged and refused, and looks for what is odd among the usable.

    A bound is no outlier and needs no unit: what is odd is looked for among values.

    Args:
        rows: All rows, in order.
        unit: Of the labels; empty: not stated, so that it is not doubted.
        transform: Scale to learn on, as in a request.
        read_answers: The substrate's answers, asked for once, for the rows that are learned from.
        find_seen: Crystals among some rows that the substrate was trained on.
        noun: What messages call a material.
    """
    usable, refused = sorted_rows(rows)
    groups = grouped(usable)
    tolerance = _CONFLICT * robust_deviation(np.array([row.label for row in usable if row.side == Side.AT]))
    together = [merged([row.label for row in group], [row.side for row in group]) for group in groups]
    pairs = list(zip(groups, together, strict=True))
    duplicates = tuple(_duplicate(group, one.excess > tolerance) for group, one in pairs if len(group) > 1)
    labels = np.array([one.label for one in together], dtype=np.float64)
    sides = np.array([one.side for one in together], dtype=np.int8)
    places = np.array([group[0].row for group in groups], dtype=np.int64)
    answers = read_answers(places) if read_answers and len(places) else ()
    valued = np.flatnonzero(sides == Side.AT)
    firsts = [groups[place][0] for place in valued]
    known = [replace(entry, values=entry.values[valued]) for entry in answers]
    odd = _odd(firsts, labels[valued], unit, known, duplicates, noun)
    wild = [int(valued[place]) for place in odd.wild]
    scale, problem = _scale(transform, labels, wild)
    readings = tuple(readings_of(usable))
    unplaced = unplaced_labels(firsts, labels[valued], scale)
    check = DataCheck(
        unit=unit,
        n_rows=len(rows),
        n_usable=len(groups),
        n_merged=len(usable) - len(groups),
        refused=tuple(refused),
        duplicates=duplicates,
        unit_doubt=odd.unit_doubt,
        outliers=odd.outliers,
        seen=find_seen([group[0] for group in groups]),
        suspicious=(*odd.suspicious, *unplaced, *doubtful_structures(readings)),
        obstacle=_obstacle(len(rows), labels, sides, [_crystal(group[0]) for group in groups], refused, noun)
        or problem,
        n_upper_bounds=int((sides == Side.BELOW).sum()),
        n_lower_bounds=int((sides == Side.ABOVE).sum()),
        readings=readings,
        noun=noun,
    )
    return JudgedLabels(check, places, labels, scale, _replicate_std(groups, labels, set(wild)), sides)


@dataclass(frozen=True, slots=True, eq=False)
class _Odd:
    """What is odd among labels that are values; ``wild`` are their positions."""

    unit_doubt: UnitDoubt | None
    wild: tuple[int, ...]
    outliers: tuple[OutlyingLabel, ...]
    suspicious: tuple[SuspiciousLabel, ...]


def _odd(
    rows: Sequence[LabelledRow],
    labels: NDArray[np.float64],
    unit: str,
    answers: Sequence[ReferenceValues],
    duplicates: Sequence[DuplicateLabels],
    noun: str,
) -> _Odd:
    crystals = [_crystal(row) for row in rows]
    similarity = Similarity.lazily([crystal.reduced_formula for crystal in crystals], [one.values for one in answers])
    doubt = doubted_unit(labels, unit, crystals, answers) if unit and len(labels) else None
    wild = wild_labels(labels, similarity)
    outliers = _outliers(rows, labels)
    found = suspicious_labels(rows, labels, unit, doubt, wild, outliers, duplicates, similarity, noun)
    return _Odd(doubt, tuple(entry.place for entry in wild), outliers, found)


def constant_labels(labels: NDArray[np.float64]) -> Obstacle | None:
    """The obstacle of labels that do not vary; None where they do, or where there are none."""
    known = labels[np.isfinite(labels)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    if high / 2 - low / 2 > max(_ROUNDING * max(abs(low), abs(high)), _SMALLEST) / 2:
        return None
    what = f"are {low:g}" if low == high else f"lie between {low:.15g} and {high:.15g}"
    return Obstacle(
        "CONSTANT_LABELS",
        f"the labels are constant: all {len(known)} {what}, so that there is nothing to learn; check that this is the "
        "right column, and its unit",
    )


def robust_deviation(values: NDArray[np.float64]) -> float:
    """Standard deviation of normal values, unmoved by outliers; the mean absolute deviation where half are equal."""
    if not len(values):
        return 0.0
    deviations = np.abs(values - np.median(values))
    return float(_MAD_TO_STD * np.median(deviations) or deviations.mean())


def _crystal(row: LabelledRow) -> Crystal:
    if row.crystal is None:
        raise ValueError(f"row {row.row} has no crystal")
    return row.crystal


def sorted_rows(rows: Sequence[LabelledRow]) -> tuple[list[LabelledRow], list[RefusedLabel]]:
    """Rows with a crystal and a finite label, and all others with the reason."""
    usable, refused = [], []
    for row in rows:
        why = row.refusal if row.crystal is None else _label_refusal(row.label)
        if why:
            refused.append(RefusedLabel(row.row, row.id, *why))
        else:
            usable.append(row)
    return usable, refused


def readings_of(rows: Sequence[LabelledRow]) -> Iterator[RowReading]:
    """What reading the crystals of rows took."""
    for row in rows:
        yield from (RowReading(row.row, row.id, one.code, one.message, one.is_doubtful) for one in row.readings)


def _label_refusal(label: float) -> tuple[str, str] | None:
    if np.isnan(label):
        return LabelRefusal.MISSING_LABEL, "it has no label: give its value, or leave the row out"
    if np.isinf(label):
        return LabelRefusal.INFINITE_LABEL, "its label is infinite: give a finite number"
    if abs(label) > _LARGEST:
        return LabelRefusal.HUGE_LABEL, f"its label is {label:g}, beyond {_LARGEST:g}: give it in another unit"
    return None


def grouped(rows: Sequence[LabelledRow]) -> list[list[LabelledRow]]:
    """Replicates: one crystal under equal conditions."""
    groups: dict[Hashable, list[LabelledRow]] = {}
    for row in rows:
        groups.setdefault((_crystal(row).key, row.conditions), []).append(row)
    return list(groups.values())


def _duplicate(group: Sequence[LabelledRow], is_conflicting: bool) -> DuplicateLabels:
    labels = tuple(row.label for row in group)
    return DuplicateLabels(
        tuple(row.row for row in group),
        tuple(row.id for row in group),
        _crystal(group[0]).reduced_formula,
        labels,
        is_conflicting,
        tuple(int(row.side) for row in group),
    )


def _replicate_std(
    groups: Sequence[Sequence[LabelledRow]], labels: NDArray[np.float64], wild: Collection[int]
) -> float:
    """Robust over crystals that are repeated, in the labels' unit, and at most half of the spread of all labels."""
    deviations: list[float] = []
    for place, group in enumerate(groups):
        valued = [row.label for row in group if row.side == Side.AT]
        if len(valued) > 1 and place not in wild:
            # Residuals about a mean of k are smaller than the noise by the square root of (k - 1) / k.
            factor = np.sqrt(len(valued) / (len(valued) - 1))
            deviations += [factor * abs(label - labels[place]) for label in valued]
    if not deviations:
        return 0.0
    return float(min(_MAD_TO_STD * np.median(deviations), _CONFLICT * robust_deviation(labels)))


def _scale(
    transform: str, labels: NDArray[np.float64], wild: Sequence[int]
) -> tuple[TargetTransform | None, Obstacle | None]:
    """The scale that the labels ask for, whatever the wild ones among them ask."""
    if not len(labels):
        return None, None
    try:
        scale = TargetTransform.fit_withstanding(transform, np.delete(labels, list(wild)))
        has_place = scale.kind is TransformKind.NONE or scale.least is not None or labels.min() > 0
        if transform == TransformKind.AUTO and not has_place:
            scale = TargetTransform.fit(TransformKind.NONE, labels)
        scale.forward(labels)
    except ConfigurationError as error:
        return None, Obstacle(error.reason, error.message)
    return scale, None


def few_labels(n_rows: int, n_usable: int, refused: Sequence[RefusedLabel], noun: str = CRYSTAL) -> Obstacle | None:
    """The obstacle of fewer usable rows than a job needs; None where there are enough."""
    missing = MIN_LABELS - n_usable
    if missing <= 0:
        return None
    first = next(iter(refused), None)
    example = f"; row {first.row} ({first.id}): {first.message}" if first else ""
    message = (
        f"{n_usable} of {n_rows} rows are usable and {MIN_LABELS} are needed: give {missing} more {noun}s with "
        f"a label{example}"
    )
    return Obstacle("TOO_FEW_LABELS", message)


def _obstacle(
    n_rows: int,
    labels: NDArray[np.float64],
    sides: Sides,
    crystals: Sequence[Crystal],
    refused: Sequence[RefusedLabel],
    noun: str,
) -> Obstacle | None:
    formulas = [crystal.reduced_formula for crystal in crystals]
    few = few_labels(n_rows, len(labels), refused, noun)
    if few is not None:
        return few
    if len(set(formulas)) < 2:
        one = "formula" if noun == CRYSTAL else noun
        message = (
            f"all {len(labels)} labels are of one {one}, {formulas[0]}, and errors are measured on {one}s that were "
            f"left out: add labels of other {one}s"
        )
        return Obstacle("TOO_FEW_FORMULAS", message)
    n_values = int(np.count_nonzero(sides == Side.AT))
    if n_values < MIN_LABELS:
        message = (
            f"{len(labels) - n_values} of {len(labels)} labels are bounds, and {MIN_LABELS} values are needed to learn "
            f"a scale from: give {MIN_LABELS - n_values} more {noun}s whose value was measured"
        )
        return Obstacle("TOO_FEW_LABELS", message)
    return constant_labels(labels[sides == Side.AT])


def _outliers(rows: Sequence[LabelledRow], labels: NDArray[np.float64]) -> tuple[OutlyingLabel, ...]:
    """Labels far from the median, as they are and, where all are positive, as logarithms: a long tail is no fault."""
    scores = _robust_scores(labels)
    if len(labels) and labels.min() > 0:
        logs = _robust_scores(np.log(labels))
        scores = np.where(np.abs(logs) < np.abs(scores), logs, scores)
    order = np.argsort(-np.abs(scores), kind="stable")
    far = [place for place in order.tolist() if abs(scores[place]) > _OUTLYING]
    return tuple(
        OutlyingLabel(
            rows[place].row, rows[place].id, _crystal(rows[place]).reduced_formula, float(labels[place]),
            float(scores[place]),
        )
        for place in far
    )  # fmt: skip


def _robust_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = robust_deviation(values)
    if deviation == 0:
        return np.zeros(len(values))
    return np.asarray((values - np.median(values)) / deviation, dtype=np.float64)
