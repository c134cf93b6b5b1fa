"""Values that must not leave an interval, or that must stay on one side of another known value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.physics.law import LawParameter

Array = NDArray[np.float64]

# A label at a bound would be infinite on the straight scale: this share of the interval, or of the unit where there is
# one bound only, is kept from it.
_EDGE = 1e-4
_LOG_LIMIT = 690.0


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value between two bounds, or above or below one, that no condition moves.

    Attributes:
        lower: Smallest physical value.
        upper: Largest physical value.
        name: Name of the law.
        source: Source.

    Raises ConfigurationError (INVALID_LAW) unless a bound is finite and the lower one is the smaller.
    """

    lower: float = -np.inf
    upper: float = np.inf
    name: str = "bounded"
    source: str = "Atkinson & Shen, Biometrika 67, 261 (1980): logarithms of ratios of shares; logarithms of distances"

    def __post_init__(self) -> None:
        if not (self.lower < self.upper and (np.isfinite(self.lower) or np.isfinite(self.upper))):
            raise ConfigurationError(
                f"bounds from {self.lower:g} to {self.upper:g}: give a lower one, an upper one, or both in this order",
                reason="INVALID_LAW",
            )

    @property
    def condition(self) -> str:
        """None."""
        return ""

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """The level, on the straight scale."""
        return (LawParameter("level", "ln(ratio)" if self._has_both else "ln(value)"),)

    def basis(self, conditions: Array) -> Array:
        """1, ``[n_rows, 1]``."""
        return np.ones((len(conditions), 1))

    def straight(self, values: Array, conditions: Array) -> Array:
        """Logit between two bounds, logarithm of the distance from one; NaN beyond a bound."""
        inside = np.where((values >= self.lower) & (values <= self.upper), values, np.nan)
        if self._has_both:
            share = (inside - self.lower) / (self.upper - self.lower)
            return np.asarray(logit(np.clip(share, _EDGE, 1 - _EDGE)))
        distance = inside - self.lower if np.isfinite(self.lower) else self.upper - inside
        return np.asarray(self._sign * np.log(np.maximum(distance, _EDGE)))

    def value(self, straight: Array, conditions: Array) -> Array:
        """Values inside the bounds."""
        if self._has_both:
            return np.asarray(self.lower + (self.upper - self.lower) * expit(straight))
        distance = np.exp(np.clip(self._sign * straight, -_LOG_LIMIT, _LOG_LIMIT))
        return np.asarray(self.lower + distance if np.isfinite(self.lower) else self.upper - distance)

    def settings(self) -> Mapping[str, Any]:
        """Plain values; None for no bound."""
        ends = {"lower": self.lower, "upper": self.upper}
        return {"name": self.name, **{key: end if np.isfinite(end) else None for key, end in ends.items()}}

    @property
    def _has_both(self) -> bool:
        return bool(np.isfinite(self.lower) and np.isfinite(self.upper))

    @property
    def _sign(self) -> float:
        """Turned below an upper bound, so that the value rises with the level."""
        return 1.0 if np.isfinite(self.lower) else -1.0


@dataclass(frozen=True, slots=True)
class Ordered:
    """A positive value that never exceeds another known one of the same structure, or never falls below it.

    Reuss's modulus lies under Voigt's: ``value = partner (1 - gap)`` with a gap of 0 to 1; above a partner,
    ``value = partner (1 + gap)`` with a gap of 0 and more.

    Attributes:
        condition: Name of the partner's column.
        is_under: Whether the value lies under the partner.
        name: Name of the law.
        source: Source.
    """

    condition: str
    is_under: bool = True
    name: str = "ordered"
    source: str = "Hill, Proc. Phys. Soc. A 65, 349 (1952): Reuss's average is the lower bound and Voigt's the upper"

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """The gap over the partner's value."""
        return (LawParameter("relative_gap", "1", lower=0.0, upper=1.0 if self.is_under else np.inf),)

    def basis(self, conditions: Array) -> Array:
        """1, ``[n_rows, 1]``; NaN where the partner is unknown or not positive."""
        return np.where(conditions > 0, 1.0, np.nan)[:, None]

    def straight(self, values: Array, conditions: Array) -> Array:
        """The gap; NaN unless the partner is positive."""
        return self._sign * (values / np.where(conditions > 0, conditions, np.nan) - 1)

    def value(self, straight: Array, conditions: Array) -> Array:
        """Values on the right side of the partner: a gap below 0 counts as 0, one above 1 under a partner as 1."""
        gap = np.clip(straight, 0.0, self.parameters[0].upper)
        return np.asarray(conditions * (1 + self._sign * gap))

    def settings(self) -> Mapping[str, Any]:
        """Plain values."""
        return {"name": self.name, "condition": self.condition, "is_under": self.is_under}

    @property
    def _sign(self) -> float:
        return -1.0 if self.is_under else 1.0


def in_order(lower: Array, upper: Array, lower_stds: Array, upper_stds: Array) -> tuple[Array, Array]:
    """A predicted pair that crosses, brought together; ``[n_rows]`` each.

    Where the lower exceeds the upper, both become their mean, weighed by their precision: the least-squares projection
    onto ordered pairs (Barlow et al., Statistical Inference under Order Restrictions (1972), ch. 1). Interval ends of a
    pair pass through this too, lower ends together and upper ends together.
    """
    weights = np.stack([1 / lower_stds**2, 1 / upper_stds**2])
    together = (weights * np.stack([lower, upper])).sum(axis=0) / weights.sum(axis=0)
    crosses = lower > upper
    return np.where(crosses, together, lower), np.where(crosses, together, upper)
