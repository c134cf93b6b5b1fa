"""A check of labels before training, from the labels themselves and from the base model's answers to their rows."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.client import ScreenResult
from epitaxy.client.finetune.labels import Labels

MIN_LABELS = 10
# A label further from the median than this many robust standard deviations is worth a second look.
_OUTLIER_Z = 6.0
# Labels of one crystal contradict each other if they differ by more than this share of the labels' spread.
_CONFLICT_SHARE = 0.25
_SKEW_RATIO = 30.0


@dataclass(frozen=True, slots=True)
class FlaggedRow:
    """A row, and a note on what is wrong or remarkable about it."""

    row: int
    id: str
    note: str


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """Outcome of a check.

    Attributes:
        n_usable: Number of crystals to learn from: they have a label without contradiction, and a structure that the
            server accepts.
        known: Number of values per low-fidelity column.
        spread: Robust standard deviation of the labels, in their unit.
        is_skewed: Whether the labels are positive and span orders of magnitude, so that a logarithmic transform may
            help.
        conflicts: Rows that the base model cannot tell apart, with labels that differ.
        twins: Rows that the base model cannot tell apart, with labels that agree.
        domain: Number of usable rows per domain verdict of the base model.
        far: Usable rows outside the base model's training data, farthest first.
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
    domain: Mapping[str, int]
    far: tuple[FlaggedRow, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there are enough labels for a job."""
        return self.n_usable >= MIN_LABELS


def check_labels(labels: Labels, column: str, results: Sequence[ScreenResult], *, logarithmic: bool) -> LabelCheck:
    """Checks the labels of a column.

    Args:
        labels: All rows.
        column: The column to learn.
        results: The base model's answer to each row, in the order of the rows.
        logarithmic: Whether to look for outliers among the labels' logarithms.
    """
    values = labels.values[column]
    has_label = np.isfinite(values)
    is_usable = has_label & np.array([result.error is None for result in results], dtype=bool)
    usable = [result for result, flag in zip(results, is_usable, strict=True) if flag]
    known = values[has_label] if has_label.any() else np.array([np.nan])
    groups = _indistinct(usable)
    limit = _CONFLICT_SHARE * _spread(known)
    clashing = [rows for rows in groups if float(np.ptp(values[rows])) > limit]
    agreeing = [rows for rows in groups if float(np.ptp(values[rows])) <= limit]
    return LabelCheck(
        n_rows=len(results),
        n_labels=int(has_label.sum()),
        # As in a job: agreeing rows of one crystal count once, contradictory rows do not count.
        n_usable=len(usable) - sum(len(rows) - 1 for rows in agreeing) - sum(map(len, clashing)),
        known={name: int(np.isfinite(other).sum()) for name, other in labels.values.items() if name != column},
        minimum=float(known.min()),
        median=float(np.median(known)),
        maximum=float(known.max()),
        spread=_spread(known),
        is_skewed=bool(known.min() > 0 and known.max() > _SKEW_RATIO * np.median(known)),
        refused=tuple(_refusals(results)),
        outliers=tuple(_outliers(values, results, logarithmic=logarithmic and bool(known.min() > 0))),
        conflicts=tuple(_group_notes(clashing, values, results)),
        twins=tuple(_group_notes(agreeing, values, results)),
        domain=dict(Counter(result.domain_verdict for result in usable).most_common()),
        far=tuple(_far(usable)),
    )


def _refusals(results: Sequence[ScreenResult]) -> list[FlaggedRow]:
    refused = [(result, result.error) for result in results if result.error is not None]
    return [FlaggedRow(result.index, result.id, f"{error.reason}: {error.message}") for result, error in refused]


def _outliers(values: NDArray[np.float64], results: Sequence[ScreenResult], *, logarithmic: bool) -> list[FlaggedRow]:
    has_label = np.isfinite(values)
    if not has_label.any():
        return []
    scaled = np.log10(values, where=has_label, out=np.zeros_like(values)) if logarithmic else values
    spread = _spread(scaled[has_label])
    distance = np.abs(scaled - np.median(scaled[has_label]))
    rows = np.flatnonzero(has_label & (distance > _OUTLIER_Z * spread)) if spread > 0 else np.array([], dtype=np.int64)
    return [
        _flag(results[row], f"label {values[row]:g} is {distance[row] / spread:.0f} robust std from the median")
        for row in rows.tolist()
    ]


def _indistinct(results: Sequence[ScreenResult]) -> list[list[int]]:
    """Groups rows with one formula and equal predictions: to the base model, each group is one crystal."""
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for result in results:
        key = (result.formula, *(f"{prediction.value:.5g}" for prediction in result.predictions))
        groups[key].append(result.index)
    return [rows for rows in groups.values() if len(rows) > 1]


def _group_notes(
    groups: Sequence[list[int]], values: NDArray[np.float64], results: Sequence[ScreenResult]
) -> list[FlaggedRow]:
    notes = []
    for rows in groups:
        others = ", ".join(results[row].id for row in rows[1:4])
        span = f"labels {values[rows].min():g} to {values[rows].max():g}"
        notes.append(_flag(results[rows[0]], f"{results[rows[0]].formula} is the same crystal as {others}: {span}"))
    return notes


def _far(results: Sequence[ScreenResult]) -> list[FlaggedRow]:
    outside = [result for result in results if result.domain_verdict not in ("IN_DOMAIN", "")]
    outside.sort(key=lambda result: -(result.domain_score or 0.0))
    return [_flag(result, f"{result.formula}, {result.domain_verdict}: {result.domain_reason}") for result in outside]


def _flag(result: ScreenResult, note: str) -> FlaggedRow:
    return FlaggedRow(result.index, result.id, note)


def _spread(values: NDArray[np.float64]) -> float:
    """Robust standard deviation, scaled to equal the standard deviation of a normal distribution."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
