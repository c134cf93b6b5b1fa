"""One choice in five by a head that only ranks: what the blocks fail to tell it may tell."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.start import Start

Numbers = NDArray[np.int64]
# Rank correlation of results with the head from which on it has a say.
_ONE_IN, _AGREEMENT = 5, 0.5


def ranked_by_head(
    start: Start,
    objectives: Sequence[Objective],
    heads: Mapping[str, HeadAnswer],
    limits: Sequence[Limit],
    known: Knowledge,
    open_ones: Numbers,
    n_wanted: int,
) -> Numbers:
    """The best open candidates by a head that only ranks, as many as are its share of the batch, ascending.

    Heads that state values take part as models, so that they have no share; nor has one that results disagree with, or
    where costs and failures count, of which ranks know nothing.
    """
    one = objectives[0]
    nobody = np.empty(0, dtype=np.int64)
    if known.costs is not None or len(known.failed) or limits:
        return nobody
    if len(objectives) > 1 or one.name not in heads or heads[one.name].states_value or start.scores is None:
        return nobody
    candidates, values, _ = known.results(one.name)
    if not _agree(one.utility(values), start.scores[candidates]):
        return nobody
    n_tried = len(known.candidates) + len(known.failed) + len(known.pending)
    # Counted over everything tried, so that the size of batches does not matter.
    n_ranked = (n_tried + n_wanted) // _ONE_IN - n_tried // _ONE_IN
    return np.sort(start.best(open_ones, min(n_ranked, len(open_ones))))


def _agree(utilities: NDArray[np.float64], scores: NDArray[np.float64]) -> bool:
    if np.ptp(utilities) == 0 or np.ptp(scores) == 0:
        return False
    return bool(spearmanr(utilities, scores).statistic >= _AGREEMENT)
