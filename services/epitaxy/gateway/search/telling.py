"""The words of a search: its summary, and why a candidate is where it is."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.candidates import IN_FLIGHT, PENDING, REFUSED, Candidates
from epitaxy.gateway.search.goal import SearchOrder
from epitaxy.gateway.search.lots import Lots
from epitaxy.gateway.search.missed import Missed
from epitaxy.gateway.search.results import Results
from epitaxy.gateway.search.summary import Fate, SearchSummary, Why

_MUCH = 0.4
_USELESS, _WEAK = 0.5, 0.8
_FEWEST_RANKED = 20
_SMALL_POOL = 1000
_LARGE_SHARE = 0.1


def summarize(
    order: SearchOrder, candidates: Candidates, results: Results, lots: Lots, missed: Missed, is_done: bool
) -> SearchSummary:
    """What the search reached."""
    found = results.best()
    n_pending = int(np.count_nonzero(candidates.states == PENDING))
    n_evaluated = candidates.n - n_pending - int(np.count_nonzero(candidates.states == IN_FLIGHT))
    hits = results.indices[found]
    correlation = _survey_correlation(candidates, results, lots)
    recall, low, high = (_recall(order.best, len(found), number) for number in _missed_numbers(missed, n_pending))
    summary = SearchSummary(
        n_candidates=candidates.n,
        n_evaluated=n_evaluated,
        n_refused=int(np.count_nonzero(candidates.states == REFUSED)),
        n_eligible=int(np.count_nonzero(results.are_eligible)),
        n_found=len(found),
        n_dropped=n_pending,
        n_surveyed=len(lots.surveyed),
        n_audited=len(lots.audited),
        audit_hits=int(np.isin(lots.audited, hits).sum()),
        share_evaluated=n_evaluated / max(candidates.n, 1),
        expected_missed=missed.expected,
        recall_estimate=recall,
        recall_low=low,
        recall_high=high,
        recall_target=order.recall,
        threshold=float(results.values[found[-1]]) if len(found) == order.best else math.nan,
        student_correlation=correlation,
        notes=(),
    )
    return replace(summary, notes=tuple(_notes(summary, order, is_done)))


def tell_why(order: SearchOrder, candidates: Candidates, results: Results, index: int, chance: float) -> Why:
    """What became of one candidate; ``chance`` is its chance to beat the K-th best, by the student."""
    found = results.best()
    threshold = float(results.values[found[-1]]) if len(found) == order.best else math.nan
    fate, words = _fate(candidates, results, index, found)
    if fate is Fate.DROPPED:
        value, scale, quantity = candidates.values[index], candidates.scales[index], order.goal.quantity
        bar = (
            "fewer than the wanted number were found"
            if math.isnan(threshold)
            else f"the last of the best has {threshold:.4g}"
        )
        gate = f", chance to meet the conditions {candidates.gates[index]:.2g}" if order.where else ""
        words = (
            f"never evaluated: the student expects {quantity} {value:.4g} with errors near {scale:.2g}{gate}; {bar}; "
            f"chance to be among the best {chance:.1g}"
        )
    return Why(fate, float(candidates.values[index]), float(candidates.scales[index]), chance, threshold, words)


def _fate(candidates: Candidates, results: Results, index: int, found: NDArray[np.intp]) -> tuple[Fate, str]:
    state = candidates.states[index]
    if state == PENDING:
        return Fate.DROPPED, ""
    if state == IN_FLIGHT:
        return Fate.WAITING, "sent to the ensemble; the answer is not there yet"
    if state == REFUSED:
        return Fate.REFUSED, "sent to the ensemble, which gave no answer to it"
    place = int(np.flatnonzero(results.indices == index)[-1])
    if place in found:
        return Fate.BEST, f"number {int(np.flatnonzero(found == place)[0]) + 1} of the best"
    if not results.are_eligible[place]:
        return Fate.NOT_ELIGIBLE, "evaluated; its answer does not meet the conditions, or lies outside the domain"
    return Fate.BEATEN, f"evaluated, {results.values[place]:.4g}; others are better"


def _missed_numbers(missed: Missed, n_pending: int) -> tuple[float, float, float]:
    """Expected number of missed hits, and the ends of its 95 % interval: most, fewest."""
    return missed.expected, float(missed.quantile(0.975, n_pending)), float(missed.quantile(0.025, n_pending))


def _recall(best: int, n_found: int, missed: float) -> float:
    return max(1.0 - missed / max(min(float(best), n_found + missed), 1.0), 0.0)


def _survey_correlation(candidates: Candidates, results: Results, lots: Lots) -> float:
    """Rank correlation of student and ensemble on the survey; NaN for fewer than 20 answers."""
    is_surveyed = np.isin(results.indices, lots.surveyed) & ~np.isnan(candidates.values[results.indices])
    if np.count_nonzero(is_surveyed) < _FEWEST_RANKED:
        return math.nan
    expected, answered = candidates.values[results.indices[is_surveyed]], results.values[is_surveyed]
    return float(np.corrcoef(_mean_ranks(expected), _mean_ranks(answered))[0, 1])


def _mean_ranks(column: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    ordered = np.sort(column)
    return np.asarray((np.searchsorted(ordered, column, "left") + np.searchsorted(ordered, column, "right")) / 2)


def _notes(summary: SearchSummary, order: SearchOrder, is_done: bool) -> Iterator[str]:
    if summary.n_found < order.best:
        yield (
            f"{summary.n_found} of the wanted {order.best} were found: {summary.n_eligible} of {summary.n_evaluated} "
            f"evaluated candidates count, and {summary.expected_missed:.2g} more are expected among all others"
        )
    if summary.share_evaluated > _MUCH:
        yield f"{summary.share_evaluated:.0%} of the pool was evaluated, because {_reason(summary, order)}"
    if summary.n_refused:
        yield f"{summary.n_refused} candidates got no answer from the ensemble and count for nothing"
    if not is_done:
        yield (
            "the search has not ended: "
            f"about {summary.expected_missed:.2g} of the best are expected among candidates that wait"
        )


def _reason(summary: SearchSummary, order: SearchOrder) -> str:
    quantity = order.goal.quantity
    if summary.n_candidates <= _SMALL_POOL:
        return "a small pool is evaluated faster than it is sorted out"
    if order.best > _LARGE_SHARE * summary.n_candidates:
        return f"the best {order.best} are {order.best / summary.n_candidates:.0%} of it"
    if summary.n_found < order.best:
        return "few candidates meet the conditions, and the student cannot tell which"
    if not summary.student_correlation >= _WEAK:
        how = "does not know" if not summary.student_correlation >= _USELESS else "knows only roughly"
        return (
            f"the cheap student {how} {quantity} on this pool (rank correlation with the ensemble "
            f"{summary.student_correlation:.2f} on {summary.n_surveyed} random candidates)"
        )
    return f"the student orders {quantity} well, but not its best end, where candidates differ little"
