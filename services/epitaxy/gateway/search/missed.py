"""How many of the best are still among the candidates that were not evaluated, and how sure that is.

Chances come from errors of the student on crystals of its calibration. On the pool at hand, and among its best, they
may be wrong: whoever looks for the best looks where errors are selected. So candidates are binned by chance, and in
each bin the hits that were found are compared with those that were expected. The ratio of both corrects the chances of
the candidates of that bin that wait. It has a gamma posterior, whose prior is the trend of the ratio over all bins.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

N_BINS = 19
"""Two bins for each power of ten of the chance, the first from 1 downwards; the last takes all below 1e-9."""
# Hits that the prior counts for: little, so that a few found hits outweigh it.
_PRIOR_HITS = 2.0
# A bin whose hits are less likely than this under its corrected chances is counted by its rate of hits alone.
_SURPRISE = 0.005
# Bins of the trend: below a third of a chance.
_FIRST_BIN = 1
# Prior standard deviations of its logarithm at the first bin, and of its change in a decade of chance.
_TREND_SPREADS = (1.5, 0.5)
# Expected hits that make a bin evidence, and the bins for which the trend goes on without.
_EVIDENT, _GOES_ON = 1.0, 4
_STEPS = 25
_EXACT_BELOW = 300


@dataclass(frozen=True, slots=True, eq=False)
class Missed:
    """Expected hits among waiting candidates.

    Attributes:
        ratios: By bin, what a chance is to be multiplied with, ``[N_BINS]``.
        expected: Expected number of hits among the waiting candidates.
        variance: Variance of that expectation, because the ratios are not known exactly.
    """

    ratios: Array
    expected: float
    variance: float

    def chance_of_at_most(self, allowed: int, share: float = 1.0) -> float:
        """Chance that at most ``allowed`` are missed if ``share`` of the expected ones remain."""
        mean, variance = self.expected * share, self.variance * share * share
        return _negative_binomial(allowed, mean, variance)

    def quantile(self, probability: float, largest: int) -> int:
        """Smallest number of missed ones that is not exceeded with a probability, at most ``largest``."""
        low, high = 0, largest
        while low < high:
            middle = (low + high) // 2
            if self.chance_of_at_most(middle) >= probability:
                high = middle
            else:
                low = middle + 1
        return low


def bins_of(chances: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bin of each chance, ``[n]``."""
    with np.errstate(divide="ignore"):
        halves = np.floor(np.log10(chances) * -2.0)
    # Of a chance of 0 the logarithm is infinite: the last bin.
    return np.asarray(np.clip(halves, 0, N_BINS - 1), dtype=np.uint8)


def count_missed(recorded: NDArray[np.float32], are_hits: NDArray[np.bool_], waiting: NDArray[np.float32]) -> Missed:
    """Learns from chances ``[n_recorded]`` of evaluated candidates what those ``[n_waiting]`` of others amount to."""
    bins, bins_waiting = bins_of(recorded), bins_of(waiting)
    n = np.bincount(bins, minlength=N_BINS)
    expected = np.bincount(bins, weights=recorded, minlength=N_BINS).astype(np.float64)
    hits = np.bincount(bins[are_hits], minlength=N_BINS).astype(np.float64)
    n_waiting = np.bincount(bins_waiting, minlength=N_BINS)
    mass = np.bincount(bins_waiting, weights=waiting, minlength=N_BINS)
    trend = _trend(hits, expected)
    shapes, rates = _PRIOR_HITS + hits, _PRIOR_HITS / trend + expected
    ratios, spreads = shapes / rates, np.sqrt(shapes) / rates
    for row in np.flatnonzero((hits > 0) & (mass > 0)):
        by_rate = hits[row] / n[row] * n_waiting[row] / mass[row]
        if by_rate > ratios[row] and _is_surprising(int(hits[row]), expected[row] * trend[row]):
            ratios[row], spreads[row] = by_rate, by_rate / math.sqrt(hits[row])
    # Ratios of neighbouring bins err together: standard deviations add up.
    return Missed(ratios, float(np.sum(ratios * mass)), float(np.sum(spreads * mass) ** 2))


def _trend(hits: Array, expected: Array) -> Array:
    """Ratio of found to expected hits as an exponential of the logarithm of the chance, ``[N_BINS]``.

    Poisson regression with a normal prior, on bins of chances below a third: how often the most likely candidates hit
    says little of the unlikely ones. Beyond the last bin with evidence the trend goes on for two decades.
    """
    decades = np.arange(N_BINS) / 2
    used = (np.arange(N_BINS) >= _FIRST_BIN) & (expected > 0)
    design = np.stack([np.ones(N_BINS), decades - decades[_FIRST_BIN]], axis=1)
    precision = np.diag(1 / np.square(_TREND_SPREADS))
    found = np.zeros(2)
    for _ in range(_STEPS):
        rates = expected * np.exp(np.clip(design @ found, -30, 30)) * used
        gradient = design.T @ (hits * used - rates) - precision @ found
        step = np.linalg.solve((design.T * rates) @ design + precision, gradient)
        found += np.clip(step, -1, 1)
    evident = np.flatnonzero(used & (expected > _EVIDENT))
    last = int(evident[-1]) if len(evident) else _FIRST_BIN
    reach = np.clip(np.arange(N_BINS), _FIRST_BIN, last + _GOES_ON)
    return np.asarray(np.exp(np.clip(design[reach] @ found, -10, 10)))


def _is_surprising(hits: int, expected: float) -> bool:
    """Whether so many hits or more are unlikely for a Poisson variable."""
    below = sum(math.exp(k * math.log(max(expected, 1e-300)) - expected - math.lgamma(k + 1)) for k in range(hits))
    return 1.0 - below < _SURPRISE


def _negative_binomial(most: int, mean: float, variance: float) -> float:
    """Chance that a Poisson variable with a gamma-distributed mean is at most ``most``."""
    if mean <= 0:
        return 1.0
    if most > _EXACT_BELOW:
        return 0.5 * math.erfc((mean - most - 0.5) / math.sqrt(2 * (mean + variance)))
    shape = mean * mean / max(variance, 1e-12 * mean)
    rate = shape / mean
    first = shape * -math.log1p(1 / rate)
    terms = [first]
    for k in range(1, most + 1):
        terms.append(terms[-1] + math.log(shape + (k - 1)) - math.log(k) - math.log1p(rate))
    return min(sum(math.exp(term) for term in terms), 1.0)
