"""Values so far from all others that they would flatten a picture, and the labels among them."""

import math
from collections.abc import Sequence

import numpy as np

from epitaxy_models.transfer.records import ParityRow

# In widths of the middle half of the values, beyond its ends: a far outlier in Tukey's box plot lies beyond three.
_REACH = 10.0


def limits_of(values: Sequence[float]) -> tuple[float, float]:
    """Ends of the range that holds all finite values but the outliers; endless where half of the values are equal."""
    kept = [value for value in values if math.isfinite(value)]
    if not kept:
        return -math.inf, math.inf
    low, high = np.percentile(kept, [25, 75])
    reach = _REACH * float(high - low)
    return (float(low) - reach, float(high) + reach) if reach > 0 else (-math.inf, math.inf)


def without_outliers(values: Sequence[float], keep: Sequence[float] = ()) -> list[float]:
    """The finite values inside of the range, and those of ``keep``."""
    low, high = limits_of(values)
    return [value for value in values if math.isfinite(value) and low <= value <= high] + list(keep)


def outlying(rows: Sequence[ParityRow]) -> tuple[ParityRow, ...]:
    """Rows whose label is an outlier among all labels, the farthest first."""
    labels = [row.label for row in rows]
    low, high = limits_of(labels)
    middle = float(np.median(labels)) if labels else 0.0
    found = (row for row in rows if not low <= row.label <= high)
    return tuple(sorted(found, key=lambda row: -abs(row.label - middle)))
