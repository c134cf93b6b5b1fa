"""Lines of least absolute error through many columns at once, the best by what it predicts of rows left out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.strategies.bound import Bound

Array = NDArray[np.float64]

_STEPS = 40
# Residuals below this share of the labels' spread count as equal: weights stay finite.
_LEAST_RESIDUAL = 0.01
# A row that decides its own line says nothing of others.
_MOST_LEVERAGE = 0.95
# James & Stein's shrinkage: squared coefficients that noise alone would give, times this, are taken off.
_SHRINKAGE = 2.0
# Residuals beyond this quantile are cut before the noise is told from them: wild labels are no reason to shrink.
_USUAL = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class RobustLine:
    """``intercept + slope * x``.

    Attributes:
        intercept: Value at 0.
        slope: Change a unit of ``x``.
        left_out: Absolute error that each training row would have if it were left out (approximate), ``[n_rows]``.
    """

    intercept: float
    slope: float
    left_out: Array

    @property
    def error(self) -> float:
        """Mean absolute error of rows left out."""
        return float(self.left_out.mean())

    def __call__(self, x: Array) -> Array:
        """Values at ``x`` ``[n_rows]``."""
        return self.intercept + self.slope * x


def fit_lines(columns: Array, targets: Array, is_kin: NDArray[np.bool_]) -> list[RobustLine]:
    """A line for each column ``[n_columns, n_rows]`` through ``targets`` ``[n_rows]``.

    Slopes are shrunk to zero, those of kin to ``y = x``, by what noise alone would give: with few labels a law that is
    known beats one that is fitted, and with many the shrinkage vanishes.

    Args:
        columns: Values of each column.
        targets: Labels.
        is_kin: Columns that state the labels' own quantity in their unit, ``[n_columns]``.
    """
    scale = float(np.mean(np.abs(targets - np.median(targets)))) or 1.0
    return [_fit(column, targets, scale, bool(kin)) for column, kin in zip(columns, is_kin, strict=True)]


def _fit(column: Array, targets: Array, scale: float, is_kin: bool) -> RobustLine:
    centre = float(column.mean())
    spread = float(column.std())
    is_flat = spread <= 1e-9 * (1 + abs(centre))
    spread = 1.0 if is_flat else spread
    unit = np.zeros_like(column) if is_flat else (column - centre) / spread
    coefficients, leverage = _least_absolute(unit, targets, scale)
    prior = np.array([centre, spread]) if is_kin else np.array([coefficients[0], 0.0])
    if is_flat:
        prior = np.array([coefficients[0], 0.0])
    residuals = targets - (coefficients[0] + coefficients[1] * unit)
    coefficients = _shrunk(coefficients, prior, _telling(residuals, targets), n_free=2 if is_kin and not is_flat else 1)
    residuals = targets - (coefficients[0] + coefficients[1] * unit)
    slope = float(coefficients[1] / spread)
    return RobustLine(float(coefficients[0]) - slope * centre, slope, np.abs(residuals) / (1 - leverage))


def _least_absolute(unit: Array, targets: Array, scale: float) -> tuple[Array, Array]:
    """Coefficients by reweighted squares (Schlossmacher, JASA 68, 857 (1973)), and each row's leverage."""
    design = np.stack([np.ones_like(unit), unit], axis=1)
    weights = np.ones(len(targets))
    ridge = 1e-9 * np.eye(2)
    coefficients = np.zeros(2)
    for _ in range(_STEPS):
        weighted = design * weights[:, None]
        coefficients = np.linalg.solve(design.T @ weighted + ridge * weights.sum(), weighted.T @ targets)
        weights = scale / np.maximum(np.abs(targets - design @ coefficients), _LEAST_RESIDUAL * scale)
    # Of an ordinary line: weights of rows that the line goes through would make those all-important.
    inverse = np.linalg.inv(design.T @ design + ridge * len(unit))
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    return coefficients, np.minimum(leverage, _MOST_LEVERAGE)


def _telling(residuals: Array, targets: Array) -> Array:
    """Residuals that tell how noisy labels are: those at a bound are met exactly by any line that lies at it there."""
    bound = Bound.find(targets)
    return residuals if bound is None else residuals[targets != bound.value]


def _shrunk(coefficients: Array, prior: Array, residuals: Array, n_free: int) -> Array:
    """Towards the prior, by the share of the squared distance that noise explains."""
    distance = float(np.sum((coefficients - prior) ** 2))
    # The variance of a median is pi / 2 times that of a mean; least absolute errors estimate the same way.
    sizes = np.abs(residuals)
    usual = float(np.mean(np.minimum(sizes, np.quantile(sizes, _USUAL))))
    noise = 0.5 * np.pi * usual**2 * n_free / len(residuals)
    kept = max(0.0, 1 - _SHRINKAGE * noise / distance) if distance > 0 else 0.0
    return prior + kept * (coefficients - prior)
