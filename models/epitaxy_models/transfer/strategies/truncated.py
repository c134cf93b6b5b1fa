"""Moments of a normal distribution of which only a part is possible."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Array = NDArray[np.float64]

_LOG_ROOT_TWO_PI = 0.5 * np.log(2 * np.pi)
# An interval farther out than this, in standard deviations, is entered at its near end.
_FAR = 30.0


def truncated_moments(means: Array, stds: Array, lower: Array | float, upper: Array | float) -> tuple[Array, Array]:
    """Means and variances of normal distributions cut at ``lower`` and ``upper``, ``[n_rows]`` each.

    Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 1 (1994), sec. 13.10.1; computed with logarithms,
    so that a cut far in a tail keeps its digits.
    """
    given = (np.asarray(entry, dtype=np.float64) for entry in (means, stds, lower, upper))
    means, stds, lower, upper = np.broadcast_arrays(*given)
    low, high = (np.clip((end - means) / stds, -_FAR, _FAR) for end in (lower, upper))
    low, high = np.where(np.isneginf(lower), -np.inf, low), np.where(np.isposinf(upper), np.inf, high)
    # In the upper tail differences of distribution functions lose their digits: turned into the lower one.
    is_turned = low > 0
    first, second = np.where(is_turned, -high, low), np.where(is_turned, -low, high)
    log_mass = _log_difference(log_ndtr(second), log_ndtr(first))
    density_first, density_second = (np.exp(_log_density(end) - log_mass) for end in (first, second))
    shift = density_first - density_second
    edge = _times(first, density_first) - _times(second, density_second)
    variances = np.clip(1 + edge - shift**2, 1e-12, 1.0)
    centres = np.clip(np.where(is_turned, -shift, shift), low, high)
    return means + stds * centres, stds**2 * variances


def _log_density(ends: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(np.where(np.isinf(ends), -np.inf, -0.5 * ends**2 - _LOG_ROOT_TWO_PI))


def _times(ends: Array, density: Array) -> Array:
    """An infinite end has no density at all."""
    return np.where(np.isinf(ends), 0.0, ends) * density


def _log_difference(larger: Array, smaller: Array) -> Array:
    """``log(exp(larger) - exp(smaller))``; an interval of no width has next to no mass."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = larger + np.log1p(-np.exp(np.minimum(smaller - larger, 0.0)))
    return np.asarray(np.where(np.isfinite(found), found, larger - _FAR))
