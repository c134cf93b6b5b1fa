"""All that is odd among the labels to learn from, as one list for every place that tells it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.censoring import Side, label_text, merged
from epitaxy_models.transfer.labels.findings import DuplicateLabels, OutlyingLabel
from epitaxy_models.transfer.labels.plausibility import Similarity, residuals_without
from epitaxy_models.transfer.labels.readings import CRYSTAL, RowReading
from epitaxy_models.transfer.labels.suspicion import SuspicionKind, SuspiciousLabel, place_of
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.labels.units import UnitDoubt
from epitaxy_models.transfer.labels.wild import WildLabel

# An outlier is told where the other labels do not expect it: residual over the robust deviation of all residuals.
_UNEXPECTED = 5.0
_MAD_TO_STD = 1.4826
# Compared with at most so many labels: an inverse costs n^3.
_N_FITTED = 300


def doubtful_structures(readings: Sequence[RowReading]) -> tuple[SuspiciousLabel, ...]:
    """Crystals that reading had to choose, which their labels may not belong to."""
    return tuple(
        SuspiciousLabel(
            one.row,
            one.id,
            None,
            SuspicionKind.DOUBTFUL_STRUCTURE,
            f"{place_of(one.row, one.id)}: its structure is in doubt ({one.code}: {one.message})",
        )
        for one in readings
        if one.is_doubtful
    )


def unplaced_labels(
    rows: "Sequence[NamedRow]", labels: NDArray[np.float64], scale: TargetTransform | None
) -> tuple[SuspiciousLabel, ...]:
    """Labels that have no place of their own on the scale that is learned."""
    if scale is None or scale.least is None:
        return ()
    return tuple(
        SuspiciousLabel(
            rows[place].row,
            rows[place].id,
            float(labels[place]),
            SuspicionKind.OUTLIER,
            f"{place_of(rows[place].row, rows[place].id)}: {labels[place]:g} is not positive, as all other labels are; "
            f"among their logarithms it counts as {scale.least:.3g}",
        )
        for place in np.flatnonzero(labels <= 0).tolist()
    )


class NamedRow(Protocol):
    """A row, as far as a message goes."""

    @property
    def row(self) -> int:
        """Position from 0."""

    @property
    def id(self) -> str:
        """Name."""


def suspicious_labels(
    rows: Sequence[NamedRow],
    labels: NDArray[np.float64],
    unit: str,
    doubt: UnitDoubt | None,
    wild: Sequence[WildLabel],
    outliers: Sequence[OutlyingLabel],
    duplicates: Sequence[DuplicateLabels],
    similarity: Callable[[], Similarity],
    noun: str = CRYSTAL,
) -> tuple[SuspiciousLabel, ...]:
    """The findings, the gravest first.

    Args:
        rows: The rows that are learned from.
        labels: Theirs, ``[n_rows]``.
        unit: As stated.
        doubt: About the unit.
        wild: Labels that no natural spread explains.
        outliers: Labels far from the median.
        duplicates: Crystals of several rows.
        similarity: Of the rows.
        noun: What messages call a material.
    """
    known = {rows[entry.place].row for entry in wild}
    left = [entry for entry in outliers if entry.row not in known]
    return (
        *([SuspiciousLabel(None, "", None, SuspicionKind.WRONG_UNIT, doubt.message)] if doubt else ()),
        *(_wild(rows[entry.place], float(labels[entry.place]), unit, entry) for entry in wild),
        *_unexpected(rows, labels, unit, left, similarity),
        *(_replicates(entry, unit, noun) for entry in duplicates if entry.is_conflicting),
    )


def _wild(row: NamedRow, label: float, unit: str, wild: WildLabel) -> SuspiciousLabel:
    text = (
        f"{place_of(row.row, row.id)}: {label:g}{_in(unit)} is {wild.times:.0f} times farther than any other label "
        f"from what the others say of it (about {wild.expected:.3g})"
    )
    return SuspiciousLabel(row.row, row.id, label, SuspicionKind.WILD, text)


def _unexpected(
    rows: Sequence[NamedRow],
    labels: NDArray[np.float64],
    unit: str,
    outliers: Sequence[OutlyingLabel],
    similarity: Callable[[], Similarity],
) -> Iterator[SuspiciousLabel]:
    """Outliers that the other labels do not expect."""
    if not outliers:
        return
    doubted = {entry.row: place for place, row in enumerate(rows) for entry in outliers if entry.row == row.row}
    asked = np.array([doubted[entry.row] for entry in outliers], dtype=np.int64)
    others = np.setdiff1d(np.arange(len(labels)), asked)
    residuals = residuals_without(labels, asked, others[:: -(-len(others) // _N_FITTED)], similarity())
    sizes = np.abs(residuals.left_out)
    deviation = max(_MAD_TO_STD * float(np.median(sizes)), float(sizes.mean()))
    for entry, residual in zip(outliers, residuals.of_doubted.tolist(), strict=True):
        if abs(residual) > _UNEXPECTED * deviation:
            text = (
                f"{place_of(entry.row, entry.id)}: {entry.label:g}{_in(unit)} lies far from the other labels, which "
                f"say about {entry.label - residual:.3g}"
            )
            yield SuspiciousLabel(entry.row, entry.id, entry.label, SuspicionKind.OUTLIER, text)


def _replicates(group: DuplicateLabels, unit: str, noun: str) -> SuspiciousLabel:
    sides = group.sides or (Side.AT,) * len(group.labels)
    values = ", ".join(label_text(*pair) for pair in zip(group.labels[:5], sides[:5], strict=True))
    rows = ", ".join(str(row) for row in group.rows[:5])
    middle = merged(group.labels, sides).label
    text = f"rows {rows}: one {noun} ({group.formula}) has the labels {values}{_in(unit)}; {middle:g} is learned"
    return SuspiciousLabel(group.rows[0], group.ids[0], middle, SuspicionKind.REPLICATES, text)


def _in(unit: str) -> str:
    return f" {unit}" if unit and unit != "1" else ""
