"""Several objectives: the front of what nothing beats, and how much it covers."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def reference_point(utilities: Array) -> Array:
    """A tenth of the range below the worst, so that the ends of a front count too; from ``[n, n_objectives]``."""
    return np.asarray(utilities.min(axis=0) - 0.1 * (np.ptp(utilities, axis=0) + 1e-9), dtype=np.float64)


def is_on_front(utilities: Array) -> NDArray[np.bool_]:
    """Whether no other row is at least as good in all and better in one, ``[n]``."""
    n = len(utilities)
    found = np.ones(n, dtype=bool)
    for row in range(n):
        others = utilities[found]
        no_worse = (others >= utilities[row]).all(axis=1)
        found[row] = not (no_worse & (others > utilities[row]).any(axis=1)).any()
    return found


def hypervolume(utilities: Array, reference: Array) -> float:
    """Volume between a reference point and the front of ``[n, n_objectives]``, one to three objectives."""
    inside = utilities[(utilities > reference).all(axis=1)] - reference
    if not len(inside):
        return 0.0
    return _volume(inside[is_on_front(inside)])


def _volume(points: Array) -> float:
    """Of the union of boxes from the origin, by slices along the last objective."""
    if points.shape[1] == 1:
        return float(points.max())
    order = np.argsort(-points[:, -1], kind="stable")
    points = points[order]
    if points.shape[1] == 2:
        widths = np.maximum.accumulate(points[:, 0])
        heights = points[:, 1] - np.append(points[1:, 1], 0.0)
        return float(widths @ heights)
    ends = np.append(points[1:, -1], 0.0)
    return float(
        sum(
            _volume(points[: place + 1, :-1]) * (points[place, -1] - ends[place])
            for place in range(len(points))
            if points[place, -1] > ends[place]
        )
    )
