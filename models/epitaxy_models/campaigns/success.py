"""The probability that a candidate can be made and measured: every failure is a result too."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.nearness import squared_by_block
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.transfer.strategies.block_kernel import Rows

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Candidates nearer than this, where two random ones lie about the square root of 2 apart, share their fate.
_LENGTH = 0.6
_PRIOR_SUCCESSES, _PRIOR_FAILURES = 2.0, 0.5
_LEAST, _MOST = 0.02, 0.98
# Variance of an outcome about its probability, over the variance between candidates.
_NOISE = 0.5


def success_of(pool: PoolBlocks, known: Knowledge, chosen: Numbers) -> Array:
    """Probabilities for the chosen candidates, ``[n]``; one for all as long as nothing failed.

    The least-squares classifier of Rasmussen & Williams 2006, section 6.5, around the rate of all outcomes so far. Its
    lengths are fixed: a handful of failures cannot tell them.
    """
    if not len(known.failed):
        return np.ones(len(chosen))
    made = np.unique(known.candidates)
    tried = np.concatenate([made, known.failed])
    outcomes = np.concatenate([np.ones(len(made)), np.zeros(len(known.failed))])
    prior = _PRIOR_SUCCESSES + _PRIOR_FAILURES
    rate = (outcomes.sum() + _PRIOR_SUCCESSES) / (len(outcomes) + prior)
    with threadpool_limits(limits=1, user_api="blas"):
        known_rows = pool.rows(tried)
        within = _likeness(known_rows, known_rows)
        factor = cho_factor(within + _NOISE * np.eye(len(tried)), lower=True)
        alpha = cho_solve(factor, outcomes - rate)
        parts = [_likeness(rows, known_rows) @ alpha for _, rows in pool.pieces(chosen)]
    return np.asarray(np.clip(rate + np.concatenate(parts), _LEAST, _MOST))


def _likeness(left: Rows, right: Rows) -> Array:
    """Mean over the blocks of how near candidates are, 0 to 1."""
    parts = [np.exp(-0.5 * squared_by_block(name, left, right) / _LENGTH**2) for name in left]
    return np.asarray(np.mean(parts, axis=0))
