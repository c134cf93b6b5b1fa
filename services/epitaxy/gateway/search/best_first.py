"""The state of one search: what is evaluated next, and when enough was.

The promise is recall of the ensemble's own best K among all candidates. Marginal coverage of a conformal bound says
nothing of the best K, because they are selected. So the search estimates each candidate's chance to reach the running
K-th best, evaluates by falling chance, and stops when it is 95 % sure that at most ``(1 - recall) K`` were missed.
Two random samples keep it honest: a survey of the pool before anything is dropped, and an audit of what is about to be
dropped. What they find corrects the chances.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.gateway.search.candidates import IN_FLIGHT, PENDING, RECORDED, REFUSED, Candidates
from epitaxy.gateway.search.goal import Quantity, SearchOrder
from epitaxy.gateway.search.lots import Lots
from epitaxy.gateway.search.missed import Missed, bins_of, count_missed
from epitaxy.gateway.search.pool_shift import PoolShift, pool_shift
from epitaxy.gateway.search.residuals import ResidualTable
from epitaxy.gateway.search.results import Results
from epitaxy.gateway.search.scores import Evaluated, Scores
from epitaxy.gateway.search.summary import SearchSummary, Why
from epitaxy.gateway.search.telling import summarize, tell_why

CONFIDENCE = 0.95
_SMALLEST_STEP, _GROWTH = 256, 0.15
# Below this chance a candidate is near the margin, where it is decided when to stop.
_NEAR = 0.5


class BestFirst:
    """One search, from the first candidate to the summary; not thread-safe.

    Call ``add`` for all candidates, ``seal``, then ``next_wanted`` and ``record`` until ``is_done``. Both may take a
    second for ten million candidates: run them outside an event loop.
    """

    def __init__(self, order: SearchOrder, tables: Mapping[Quantity, ResidualTable]) -> None:
        self.order, self._tables = order, tables
        self._candidates = Candidates(order, tables)
        self._results = Results(order)
        self._lots = Lots(order.seed)
        self._plan: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._shift = PoolShift()
        self._missed: Missed | None = None
        self._chances_at_plan = np.zeros(0, dtype=np.float32)
        self._n_evaluated_at_plan = -1
        self._is_sealed = self._is_short = self._is_audited = self._is_done = False

    @property
    def n_candidates(self) -> int:
        """Candidates in the pool."""
        return self._candidates.n

    @property
    def n_evaluated(self) -> int:
        """Candidates with an answer or a refusal."""
        return int(np.count_nonzero(self._candidates.states >= RECORDED))

    @property
    def n_in_flight(self) -> int:
        """Candidates that were wanted and are not recorded."""
        return int(np.count_nonzero(self._candidates.states == IN_FLIGHT))

    @property
    def expected_missed(self) -> float:
        """Hits expected among the candidates that wait, as of the last plan; NaN before the first."""
        return self._missed.expected if self._missed else math.nan

    @property
    def is_done(self) -> bool:
        """Whether nothing more is wanted and nothing is in flight."""
        return self._is_done

    def add(self, scores: Scores) -> range:
        """Takes the scores of further candidates; returns their indices."""
        return self._candidates.add(scores)

    def seal(self) -> None:
        """All candidates are there. Raises InvalidRequestError (BEST_OVER_POOL) if they are fewer than K."""
        if self.order.best > self.n_candidates:
            raise InvalidRequestError(
                f"best: is {self.order.best}, and the pool has {self.n_candidates} candidates: ask for at most that "
                "many, or screen all of them",
                reason="BEST_OVER_POOL",
            )
        self._candidates.seal()
        self._is_sealed = True
        self._plan = self._lots.survey(self._candidates.n)

    def next_wanted(self, n: int) -> NDArray[np.int64]:
        """At most ``n`` candidates to evaluate now, most promising first.

        Empty: answers in flight decide what comes next, or the search is done.
        """
        if not self._is_sealed or self._is_done:
            return self._plan[:0]
        if not len(self._plan):
            self._plan = self._next_plan()
        wanted, self._plan = self._plan[:n], self._plan[n:]
        self._candidates.states[wanted] = IN_FLIGHT
        return wanted

    def record(self, indices: NDArray[np.int64], evaluated: Evaluated) -> None:
        """Takes answers to wanted candidates, in any order; NaN for those that got none."""
        are_answered = self._results.add(np.asarray(indices, dtype=np.int64), evaluated)
        self._candidates.states[indices] = np.where(are_answered, RECORDED, REFUSED)

    def best(self) -> NDArray[np.int64]:
        """The best K so far, best first."""
        return self._results.indices[self._results.best()]

    def summary(self) -> SearchSummary:
        """What the search reached so far."""
        found = self._results.best()
        missed = self._count(self._chances(self._threshold(found)), found)
        return summarize(self.order, self._candidates, self._results, self._lots, missed, self._is_done)

    def why(self, index: int) -> Why:
        """What became of one candidate. Raises InvalidRequestError for an index outside the pool."""
        if not 0 <= index < self.n_candidates:
            raise InvalidRequestError(f"candidate {index} is not in the pool of {self.n_candidates}")
        found = self._results.best()
        chances = self._chances(self._threshold(found))
        ratio = self._count(chances, found).ratios[bins_of(chances[index : index + 1])[0]]
        chance = min(float(chances[index] * ratio), 1.0)
        return tell_why(self.order, self._candidates, self._results, index, chance)

    def _threshold(self, found: NDArray[np.intp]) -> float:
        """Merit of the K-th best; -inf while any eligible candidate would be among the best."""
        return float(self._results.merits[found[-1]]) if len(found) == self.order.best else -math.inf

    def _chances(self, merit: float) -> NDArray[np.float32]:
        return self._candidates.chances(merit, self._shift.shift, self._shift.stretch)

    def _count(self, chances: NDArray[np.float32], found: NDArray[np.intp]) -> Missed:
        """Expected hits among pending candidates, in the light of those that were recorded."""
        recorded = self._results.indices
        are_hits = np.zeros(len(recorded), dtype=bool)
        are_hits[found] = True
        is_scored = ~np.isnan(self._candidates.values[recorded])
        pending = chances[self._candidates.states == PENDING]
        self._missed = count_missed(chances[recorded][is_scored], are_hits[is_scored], pending)
        return self._missed

    def _next_plan(self) -> NDArray[np.int64]:
        """The next candidates, or none: then the search waits for answers, or it is done."""
        if self._n_evaluated_at_plan == self.n_evaluated and self.n_in_flight:
            # Nothing new is known. What follows in the same order is wanted anyway, so that no evaluator idles.
            return self._top(self._step(0)) if self._is_short else self._plan
        self._n_evaluated_at_plan = self.n_evaluated
        found = self._results.best()
        threshold = self._threshold(found)
        self._learn(threshold)
        chances = self._chances(threshold)
        missed = self._count(chances, found)
        self._is_short = bool((self._candidates.states == PENDING).any()) and not self._is_kept(len(found))
        if not self._is_short:
            return self._close(_corrected(chances, missed))
        self._is_audited = False
        if threshold == -math.inf:
            chances = self._chances(self._provisional_threshold(len(found)))
            self._chances_at_plan = chances
            return self._top(self._step(self.order.best - len(found)))
        self._chances_at_plan = _corrected(chances, missed)
        return self._cut(self._top(self._step(0)))

    def _learn(self, threshold: float) -> None:
        """How the student errs on this pool, near the threshold and in the survey.

        Which answers are looked at depends on what the student said of them, never on what the ensemble answered.
        """
        recorded = self._results.indices
        values, scales = self._candidates.values[recorded], self._candidates.scales[recorded]
        is_near = (self._chances(threshold)[recorded] < _NEAR) & (threshold > -math.inf)
        looked_at = (is_near | np.isin(recorded, self._lots.surveyed)) & ~np.isnan(values)
        errors = (self._results.values[looked_at] - values[looked_at]) / scales[looked_at]
        self._shift = pool_shift(errors, self._tables[self.order.goal.quantity].residuals)

    def _provisional_threshold(self, n_found: int) -> float:
        """Merit that enough candidates should reach, if the student is right; -inf if they are too few."""
        is_pending = self._candidates.states == PENDING
        merits = np.nan_to_num(self._candidates.merits()[is_pending], nan=np.inf)
        order = np.argsort(-merits)
        place = np.searchsorted(np.cumsum(self._candidates.gates[is_pending][order]), self.order.best - n_found)
        return float(merits[order[place]]) if place < len(order) and np.isfinite(merits[order[place]]) else -math.inf

    def _is_kept(self, n_found: int, share: float = 1.0) -> bool:
        """Whether the promise holds if ``share`` of the hits that are expected among the pending ones are missed."""
        missed = self._missed
        assert missed is not None
        wanted = min(self.order.best, n_found + missed.expected)
        allowed = math.floor((1 - self.order.recall) * wanted + 1e-9)
        return missed.chance_of_at_most(allowed, share) >= CONFIDENCE

    def _step(self, n_lacking: int) -> int:
        return max(_SMALLEST_STEP, math.ceil(_GROWTH * self.n_evaluated), n_lacking)

    def _top(self, n: int) -> NDArray[np.int64]:
        """The ``n`` pending candidates of highest chance, in falling order."""
        pending = np.flatnonzero(self._candidates.states == PENDING)
        chances = self._chances_at_plan[pending]
        if n < len(pending):
            places = np.argpartition(-chances, n)[:n]
            pending, chances = pending[places], chances[places]
        return pending[np.lexsort((pending, -chances))]

    def _cut(self, plan: NDArray[np.int64]) -> NDArray[np.int64]:
        """The shortest beginning of a plan after which the promise should hold; the whole if it will not."""
        assert self._missed is not None
        left = 1.0 - np.cumsum(self._chances_at_plan[plan], dtype=np.float64) / max(self._missed.expected, 1e-300)
        n_found = len(self._results.best())
        low, high = 1, len(plan)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._is_kept(n_found, max(left[middle - 1], 0.0)) else (middle + 1, high)
        return plan[: max(low, min(_SMALLEST_STEP, len(plan)))]

    def _close(self, chances: NDArray[np.float32]) -> NDArray[np.int64]:
        """Audits what is about to be dropped; afterwards, the search is done."""
        nothing = np.zeros(0, dtype=np.int64)
        if self.n_in_flight:
            return nothing
        pending = np.flatnonzero(self._candidates.states == PENDING)
        if self._is_audited or not len(pending):
            self._is_done = True
            return nothing
        self._is_audited = True
        return self._lots.audit(pending, chances[pending], self.n_candidates)


def _corrected(chances: NDArray[np.float32], missed: Missed) -> NDArray[np.float32]:
    return chances * missed.ratios.astype(np.float32)[bins_of(chances)]
