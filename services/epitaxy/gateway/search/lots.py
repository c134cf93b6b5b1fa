"""Random samples of the pool: a survey before anything is dropped, and audits of what is about to be dropped."""

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.missed import N_BINS, bins_of

_SURVEY_SHARE, _SMALLEST_SURVEY, _LARGEST_SURVEY = 0.003, 60, 1000
_AUDIT_SHARE, _SMALLEST_AUDIT, _LARGEST_AUDIT = 0.003, 60, 2000
# No more than this share of a pool is spent on a survey or an audit.
_AT_MOST = 0.1
# Rate of hits that an audit takes for possible where the student says that there are none.
_LEAST_RATE = 1e-5


class Lots:
    """Draws without replacement, the same for the same seed.

    Attributes:
        surveyed: Candidates of the survey, each of the pool with the same chance.
        audited: Candidates of all audits.
        weights: How many waiting candidates each audited one stands for.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.surveyed = np.zeros(0, dtype=np.int64)
        self.audited = np.zeros(0, dtype=np.int64)
        self.weights = np.zeros(0)

    def survey(self, n: int) -> NDArray[np.int64]:
        """Draws some candidates of all ``n``."""
        size = _size(n, n, _SURVEY_SHARE, _SMALLEST_SURVEY, _LARGEST_SURVEY)
        self.surveyed = self._random.choice(n, size=size, replace=False).astype(np.int64)
        return self.surveyed

    def audit(self, pending: NDArray[np.int64], chances: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Draws some of the pending candidates of a pool of ``n``, in strata of their chances.

        A stratum gets draws in proportion to its size and to the root of its expected rate of hits (Neyman 1934).
        """
        size = _size(len(pending), n, _AUDIT_SHARE, _SMALLEST_AUDIT, _LARGEST_AUDIT)
        bins = bins_of(chances)
        sizes = np.bincount(bins, minlength=N_BINS)
        rates = np.bincount(bins, weights=chances, minlength=N_BINS) / np.maximum(sizes, 1)
        shares = sizes * np.sqrt(np.maximum(rates, _LEAST_RATE))
        wanted = np.minimum(np.ceil(size * shares / max(shares.sum(), 1e-300)).astype(np.int64), sizes)
        drawn = [
            self._random.choice(pending[bins == row], size=wanted[row], replace=False) for row in np.flatnonzero(wanted)
        ]
        self.audited = np.concatenate([self.audited, *drawn])
        self.weights = np.concatenate([self.weights, *(np.repeat(sizes / np.maximum(wanted, 1), wanted),)])
        return np.concatenate([np.zeros(0, dtype=np.int64), *drawn])


def _size(n_left: int, n: int, share: float, smallest: int, largest: int) -> int:
    return min(n_left, int(np.ceil(_AT_MOST * n)), int(np.clip(share * n, smallest, largest)))
