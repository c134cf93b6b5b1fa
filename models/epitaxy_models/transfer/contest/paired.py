"""Paired differences of errors from which no single label can decide."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# So many labels at each end are moved to where the next ones lie, but never more than that share of all.
_LABELS_CUT, _SHARE_CUT = 1.5, 0.1


def tempered(by_split: Sequence[NDArray[np.float64]], test_ratio: float) -> tuple[NDArray[np.float64], ...]:
    """Winsorised differences, in the order given.

    With 25 labels one that lies far from the others holds most of the mean error of every model, and which model
    happens to err a little less there says nothing of the rest.

    Args:
        by_split: Differences of each split's test rows; every label is tested once a repeat.
        test_ratio: Test rows over training rows of a split.
    """
    rows = np.concatenate(by_split)
    n_repeats = max(len(by_split) * test_ratio / (1 + test_ratio), 1.0)
    share = min(_LABELS_CUT * n_repeats / max(len(rows), 1), _SHARE_CUT)
    low, high = np.quantile(rows, [share, 1 - share])
    return tuple(np.clip(part, low, high) for part in by_split)
