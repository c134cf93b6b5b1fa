"""Labels that no natural spread explains: mistyped numbers, lost decimal points, turned signs.

Labels of materials have heavy tails: five robust deviations would stop most sets of experimental gaps. What is asked
instead is a gap: the doubted labels must lie far beyond all others, both from the median of the labels and from what
the others say of them. Where a tail falls as the inverse square, the largest of many residuals is 30 times the second
largest in one of 900 sets, whatever their number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.plausibility import Residuals, Similarity, residuals_without

Array = NDArray[np.float64]


class Scale(StrEnum):
    """Where labels are compared."""

    PLAIN = "plain"
    LOGARITHM = "logarithm"


@dataclass(frozen=True, slots=True)
class _Gap:
    """How far labels lie beyond the farthest other label.

    Attributes:
        from_median: Their distance from the median over the other's.
        from_others: Their distance from what the others say, over the largest of any other label.
        is_certain: Whether few labels, and positive ones that span decades, ask for more.
    """

    from_median: float
    from_others: float
    is_certain: bool = True


# What stops a job. Measured by ``python -m loadtest.suspicious_labels``.
_STOPPING = {Scale.PLAIN: _Gap(15.0, 30.0), Scale.LOGARITHM: _Gap(7.0, 8.0)}
# What a fit by squares is better without: natural logarithms of labels lie below it in 49 of 50 draws.
_MISLEADING = _Gap(2.0, 4.0, is_certain=False)
# Positive labels may span decades: the same gap must show between logarithms above the median.
_BEYOND_UPWARD = 1.5
# Positive labels half of which lie so many decades from their median (conductivities) are compared as logarithms only.
_DECADES = 0.75
# Fewer labels than this say less of their tail: both distances grow with the power below.
_N_ENOUGH, _GROWTH = 40, 3.0
# A negative number among positive ones needs less.
_BEYOND_BY_SIGN = 3.0
_N_POSITIVE = 15
# At most so many labels, and one in so many, are doubted at once.
_N_DOUBTED, _ONE_IN = 5, 10
# Labels that differ from the commonest one, without which nothing is known of their spread.
_N_INFORMATIVE = 8
# Rows that others are compared on: an inverse costs n^3.
_N_FITTED = 300


@dataclass(frozen=True, slots=True)
class WildLabel:
    """A label that no natural spread explains.

    Attributes:
        place: Position among the labels.
        expected: What the other labels say of it, in its unit.
        times: Its distance from that, over the largest distance of any other label.
    """

    place: int
    expected: float
    times: float


def wild_labels(labels: Array, similarity: Callable[[], Similarity]) -> tuple[WildLabel, ...]:
    """Those of ``labels`` ``[n_rows]``, the wildest first; ``similarity`` of all rows is asked for only if one may be.

    Labels that are all positive are compared as logarithms too.
    """
    found: dict[int, WildLabel] = {}
    for scale in Scale:
        if scale is Scale.LOGARITHM and labels.min(initial=np.inf) <= 0:
            continue
        for wild in _on_scale(labels, scale, similarity, _STOPPING[scale]):
            found.setdefault(wild.place, wild)
    return tuple(sorted(found.values(), key=lambda wild: -wild.times))


def misleading_labels(targets: Array, similarity: Callable[[], Similarity]) -> tuple[WildLabel, ...]:
    """Labels that a fit by squares would follow at the cost of all others; ``targets`` ``[n_rows]`` on its scale."""
    return tuple(_on_scale(targets, Scale.PLAIN, similarity, _MISLEADING))


def _on_scale(labels: Array, scale: Scale, similarity: Callable[[], Similarity], gap: _Gap) -> list[WildLabel]:
    values = np.log10(labels) if scale is Scale.LOGARITHM else labels
    doubted, least = _doubted(values, scale, gap)
    if not len(doubted):
        return []
    others = np.setdiff1d(np.arange(len(values)), doubted)
    step = -(-len(others) // _N_FITTED)
    residuals = residuals_without(values, doubted, others[::step], similarity())
    times = _times(residuals)
    if times.min() < least:
        return []
    expected = values[doubted] - residuals.of_doubted
    known = 10.0**expected if scale is Scale.LOGARITHM else expected
    return [WildLabel(*entry) for entry in zip(doubted.tolist(), known.tolist(), times.tolist(), strict=True)]


def _doubted(values: Array, scale: Scale, gap: _Gap) -> tuple[NDArray[np.int64], float]:
    """The most rows that a gap divides from all others, and how far beyond what the others say they must lie."""
    nothing = np.zeros(0, dtype=np.int64)
    _, counts = np.unique(values, return_counts=True)
    if len(values) - counts.max(initial=0) < _N_INFORMATIVE:
        return nothing, 0.0
    distances = np.abs(values - np.median(values))
    order = np.argsort(-distances, kind="stable")
    care = max(1.0, _N_ENOUGH / len(values)) ** _GROWTH if gap.is_certain else 1.0
    for number in range(min(_N_DOUBTED, len(values) // _ONE_IN), 0, -1):
        beyond = distances[order[number - 1]] / max(distances[order[number]], np.finfo(np.float64).tiny)
        if beyond > care * gap.from_median and not (gap.is_certain and _is_decades(values, order, number)):
            return order[:number], care * gap.from_others
        others = values[order[number:]]
        is_turned = scale is Scale.PLAIN and (values[order[:number]] < 0).all() and others.min() >= 0
        if is_turned and len(others) >= _N_POSITIVE and beyond > _BEYOND_BY_SIGN:
            return order[:number], _BEYOND_BY_SIGN
    return nothing, 0.0


def _is_decades(values: Array, order: NDArray[np.int64], number: int) -> bool:
    """Whether the first ``number`` labels of an order just go on where the others, all of them positive, end.

    They may, too, where half of the others lie far from their median.
    """
    if values.min() <= 0:
        return False
    decades = np.log10(values[order] / np.median(values))
    if float(np.median(np.abs(decades[number:]))) > _DECADES:
        return True
    return bool(decades[:number].min() <= _BEYOND_UPWARD * decades[number:].max())


def _times(residuals: Residuals) -> Array:
    largest = max(float(np.abs(residuals.left_out).max()), np.finfo(np.float64).tiny)
    return np.asarray(np.abs(residuals.of_doubted) / largest, dtype=np.float64)
