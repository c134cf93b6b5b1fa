"""Errors of a student, standardized, as a distribution with tails: what a chance to reach a threshold is read from.

The middle is the empirical distribution of errors on crystals that neither the student nor its fit saw. Few errors lie
far out, and a pool of millions asks for chances below one in a million, so each tail goes on as a generalized Pareto
distribution, fitted by probability-weighted moments (Hosking & Wallis, Technometrics 29, 339 (1987)).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import InternalError

Array = NDArray[np.float64]

_TAIL_SHARE = 0.02
_MIN_ERRORS = 20
# Lookup in equal steps of arcsinh(z): fine near zero, and up to 4,000 scales away.
_REACH, _STEPS = 9.0, 9216
_HEAVIEST = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ResidualTable:
    """Standardized errors of a student for one quantity. Raises InternalError for fewer than 20 errors or NaN.

    Attributes:
        residuals: ``(ensemble - student) / scale``, any order, shape ``[n]``.
        lower_bound: Lowest value that the quantity can have, in its unit.
        upper_bound: Highest value.
    """

    residuals: NDArray[np.float32]
    lower_bound: float = float("-inf")
    upper_bound: float = float("inf")
    _above: NDArray[np.float32] = field(init=False, repr=False)
    _below: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        exact = np.sort(np.asarray(self.residuals, dtype=np.float64))
        if len(exact) < _MIN_ERRORS or not np.isfinite(exact).all():
            raise InternalError(f"{len(exact)} errors of a student; {_MIN_ERRORS} finite ones are needed")
        grid = np.sinh(np.linspace(-_REACH, _REACH, _STEPS))
        object.__setattr__(self, "_above", _survival(exact, grid).astype(np.float32))
        object.__setattr__(self, "_below", _survival(-exact[::-1], -grid).astype(np.float32))

    def above(self, z: NDArray[np.floating]) -> NDArray[np.float32]:
        """Chance that a standardized error exceeds ``z``, same shape."""
        return self._above[_places(z)]

    def below(self, z: NDArray[np.floating]) -> NDArray[np.float32]:
        """Chance that a standardized error falls short of ``z``, same shape."""
        return self._below[_places(z)]

    def between(self, low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.float32]:
        """Chance of an error between the two, same shape; taken from the nearer tail, where differences are exact."""
        upper = np.subtract(self.above(low), self.above(high))
        lower = np.subtract(self.below(high), self.below(low))
        return np.asarray(np.clip(np.where(low > 0, upper, lower), 0, 1), dtype=np.float32)


def _places(z: NDArray[np.floating]) -> NDArray[np.intp]:
    steps = (np.arcsinh(z) + _REACH) * ((_STEPS - 1) / (2 * _REACH))
    return np.asarray(np.clip(np.nan_to_num(steps, nan=0.0), 0, _STEPS - 1), dtype=np.intp)


def _survival(ascending: Array, points: Array) -> Array:
    """Chance of an error above each point: empirical, and Pareto's beyond the outermost 2 %."""
    n = len(ascending)
    middle = 1.0 - np.interp(points, ascending, (np.arange(n) + 0.5) / n, left=0.0, right=1.0)
    n_tail = max(int(n * _TAIL_SHARE), 10)
    start = ascending[n - n_tail]
    shape, scale = _pareto(ascending[n - n_tail :] - start)
    excess = np.maximum(points - start, 0.0) / scale
    tail = np.exp(-excess) if shape < 1e-6 else (1.0 + shape * excess) ** (-1.0 / shape)
    return np.asarray(np.where(points > start, tail * (n_tail - 0.5) / n, middle))


def _pareto(excesses: Array) -> tuple[float, float]:
    """Shape and scale; the shape from 0 (exponential) to 0.5, because moments of few errors tell no lighter tail."""
    n = len(excesses)
    mean = max(float(excesses.mean()), 1e-9)
    weighted = float(np.mean(np.sort(excesses) * (1.0 - (np.arange(n) + 0.65) / n)))
    spread = max(mean - 2 * weighted, 1e-9)
    shape = float(np.clip(2.0 - mean / spread, 0.0, _HEAVIEST))
    return shape, mean * (1.0 - shape)
