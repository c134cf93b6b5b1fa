"""The check of labels that are 0 or 1: which rows are learned from, and what stops a job."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.censoring import Side
from epitaxy_models.transfer.labels.findings import (
    MIN_LABELS,
    DataCheck,
    DuplicateLabels,
    Obstacle,
    RefusedLabel,
    SeenCrystal,
)
from epitaxy_models.transfer.labels.judging import (
    JudgedLabels,
    LabelledRow,
    few_labels,
    grouped,
    readings_of,
    sorted_rows,
)
from epitaxy_models.transfer.labels.looking import doubtful_structures
from epitaxy_models.transfer.labels.readings import CRYSTAL
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

MIN_OF_A_CLASS = 3
"""Materials of each class, below which nothing can be measured of it out of fold."""


def judge_classes(
    rows: Sequence[LabelledRow],
    find_seen: Callable[[Sequence[LabelledRow]], tuple[SeenCrystal, ...]] = lambda rows: (),
    noun: str = CRYSTAL,
) -> JudgedLabels:
    """Sorts rows into usable, merged and refused; rows of one material have the label of most of them.

    No 0 or 1 is an outlier, and neither has a unit: nothing else is looked for.

    Args:
        rows: All rows, in order; labels are 0, 1 or NaN.
        find_seen: Materials among some rows that the substrate was trained on.
        noun: What messages call a material.
    """
    usable, refused = sorted_rows(rows)
    wrong = [row for row in usable if row.label not in (0.0, 1.0) or row.side != Side.AT]
    refused = [*refused, *(_not_a_class(row) for row in wrong)]
    names = {row.row for row in wrong}
    groups: list[list[LabelledRow]] = []
    torn: list[list[LabelledRow]] = []
    for group in grouped([row for row in usable if row.row not in names]):
        share = float(np.mean([row.label for row in group]))
        (torn if share == 0.5 else groups).append(group)
    refused += [_torn(row, group) for group in torn for row in group]
    labels = np.array([float(np.median([row.label for row in group])) for group in groups])
    places = np.array([group[0].row for group in groups], dtype=np.int64)
    duplicates = tuple(_duplicate(group) for group in groups if len(group) > 1)
    readings = tuple(readings_of(usable))
    check = DataCheck(
        unit="",
        n_rows=len(rows),
        n_usable=len(groups),
        n_merged=sum(len(group) - 1 for group in groups),
        refused=tuple(sorted(refused, key=lambda entry: entry.row)),
        duplicates=duplicates,
        unit_doubt=None,
        outliers=(),
        seen=find_seen([group[0] for group in groups]),
        suspicious=doubtful_structures(readings),
        obstacle=few_labels(len(rows), len(labels), refused, noun) or class_obstacle(labels),
        readings=readings,
        noun=noun,
    )
    sides = np.zeros(len(labels), dtype=np.int8)
    return JudgedLabels(check, places, labels, TargetTransform(TransformKind.NONE), 0.0, sides)


def class_obstacle(labels: NDArray[np.float64]) -> Obstacle | None:
    """Why classes make no model: one class only, or too few labels of one. NaN for a missing label."""
    known = labels[np.isfinite(labels)]
    if len(known) < MIN_LABELS:
        return None
    n_ones = int(np.count_nonzero(known == 1))
    fewest, which = min((n_ones, 1), (len(known) - n_ones, 0))
    if fewest == 0:
        return Obstacle(
            "ONE_CLASS",
            f"all {len(known)} labels are {1 - which}, so that nothing tells the classes apart: add labels that are "
            f"{which}, and check that this is the right column",
        )
    if fewest < MIN_OF_A_CLASS:
        return Obstacle(
            "TOO_FEW_OF_A_CLASS",
            f"{fewest} of {len(known)} labels are {which}; at least {MIN_OF_A_CLASS} of each class are needed, ten or "
            f"more are better: add {MIN_OF_A_CLASS - fewest} that are {which}",
        )
    return None


def _not_a_class(row: LabelledRow) -> RefusedLabel:
    message = f"its label is {row.label:g}, and a class is 0 or 1: correct it, or learn the column as a number"
    return RefusedLabel(row.row, row.id, "NOT_A_CLASS", message)


def _torn(row: LabelledRow, group: Sequence[LabelledRow]) -> RefusedLabel:
    others = ", ".join(f"{one.label:g} in row {one.row}" for one in group[:6])
    message = f"as many rows of this material are 0 as are 1 ({others}): decide which is right, or leave them out"
    return RefusedLabel(row.row, row.id, "CONTRADICTORY_LABELS", message)


def _duplicate(group: Sequence[LabelledRow]) -> DuplicateLabels:
    labels = tuple(row.label for row in group)
    formula = group[0].crystal.reduced_formula if group[0].crystal else ""
    ids = tuple(row.id for row in group)
    return DuplicateLabels(tuple(row.row for row in group), ids, formula, labels, len(set(labels)) > 1)
