"""A line that a few wild rows do not turn, drawn towards the identity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_STEPS = 30
# Rows that the belief in slope 1 and intercept 0 counts for.
_PRIOR_ROWS = 20.0


@dataclass(frozen=True, slots=True)
class Line:
    """``slope * x + intercept``."""

    slope: float
    intercept: float

    def __call__(self, values: Array) -> Array:
        """Values on the line."""
        return self.slope * values + self.intercept


def robust_line(x: Array, y: Array, *, is_kin: bool = False) -> Line:
    """Least absolute errors by reweighting; ``x`` and ``y`` ``[n_rows]``.

    The line is drawn towards the identity where that beats the median of ``y``, or where ``x`` is known to state the
    quantity of ``y``: a substrate's prediction of the same quantity needs no slope.
    """
    spread = float(np.abs(y - np.median(y)).mean())
    scale = float(x.std())
    if scale < 1e-9 or spread < 1e-12:
        return Line(0.0, float(np.median(y)))
    is_near = is_kin or float(np.abs(x - y).mean()) < 0.8 * spread
    least = 0.02 * spread
    design = np.stack([x, np.ones_like(x)], axis=1)
    prior = _PRIOR_ROWS if is_near else 1e-6
    start = np.array([1.0, 0.0]) if is_near else np.array([0.0, float(np.median(y))])
    penalty = prior / max(float(np.abs(y - x).mean()) if is_near else spread, least) * np.diag([scale**2, 1.0])
    line = start
    for _ in range(_STEPS):
        weights = 1 / np.maximum(np.abs(y - design @ line), least)
        normal = design.T @ (design * weights[:, None]) + penalty
        line = np.linalg.solve(normal, design.T @ (weights * y) + penalty @ start)
    return Line(float(line[0]), float(line[1]))
