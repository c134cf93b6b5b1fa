"""How many of the best are still among the candidates that were not evaluated, and how sure that is.

Chances come from errors of the student on crystals of its calibration. On the pool at hand, and among its best, they
may be wrong: whoever looks for the best looks where errors are selected. So candidates are binned by chance, and in
each bin the hits that were found are compared with those that were expected. The ratio of both corrects the chances of
the candidates of that bin that wait. It has a gamma posterior; the prior of each bin is the ratio of the bin above.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EDGES = 10.0 ** -np.arange(0.0, 9.01, 0.5)
"""Lower ends of the bins are the edges after the first; the last bin reaches to 0."""
N_BINS = len(EDGES) + 1
# Hits that the prior counts for: little, so that a few found hits outweigh it.
_PRIOR_HITS = 2.0
# A bin whose hits are less likely than this under its corrected chances is counted by its rate of hits alone.
_SURPRISE = 0.02
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
    return np.clip(np.nan_to_num(halves, posinf=N_BINS - 2), 0, N_BINS - 2).astype(np.uint8)


def count_missed(recorded: NDArray[np.float32], are_hits: NDArray[np.bool_], waiting: NDArray[np.float32]) -> Missed:
    """Learns from chances ``[n_recorded]`` of evaluated candidates what those ``[n_waiting]`` of others amount to."""
    bins, bins_waiting = bins_of(recorded), bins_of(waiting)
    n = np.bincount(bins, minlength=N_BINS)
    expected = np.bincount(bins, weights=recorded, minlength=N_BINS)
    hits = np.bincount(bins[are_hits], minlength=N_BINS)
    n_waiting = np.bincount(bins_waiting, minlength=N_BINS)
    mass = np.bincount(bins_waiting, weights=waiting, minlength=N_BINS)
    ratios, spreads, ratio = np.ones(N_BINS), np.zeros(N_BINS), 1.0
    for row in range(N_BINS):
        shape, rate = _PRIOR_HITS + hits[row], _PRIOR_HITS / ratio + expected[row]
        ratios[row], spreads[row] = shape / rate, math.sqrt(shape) / rate
        if hits[row] and mass[row] > 0 and _is_surprising(int(hits[row]), expected[row] * ratio):
            by_rate = hits[row] / n[row] * n_waiting[row] / mass[row]
            if by_rate > ratios[row]:
                ratios[row], spreads[row] = by_rate, by_rate / math.sqrt(hits[row])
        ratio = ratios[row]
    # Ratios of neighbouring bins err together: standard deviations add up.
    return Missed(ratios, float(np.sum(ratios * mass)), float(np.sum(spreads * mass) ** 2))


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
