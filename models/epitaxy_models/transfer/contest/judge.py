"""Which strategy serves, and does transfer help: paired comparisons on the same splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.contest.paired import tempered
from epitaxy_models.transfer.verdict import Verdict

# A verdict needs this confidence; the choice of what serves asks for less, as either answer is then a fair one.
VERDICT_CONFIDENCE, CHOICE_CONFIDENCE = 0.95, 0.80
# A constant that serves where a model would have done better costs far more than a model that is no better than it.
CONSTANT_CONFIDENCE = 0.99


@dataclass(frozen=True)
class Candidate:
    """Errors of one strategy on every split.

    Attributes:
        name: Name of the strategy.
        errors: Absolute errors in the property's unit, one array a split, its rows in the split's order. A costly
            strategy may have fewer splits than others: the first ones.
        is_transfer: Whether it uses the pretrained substrate.
        may_serve: Whether it may be chosen; otherwise it is compared only.
        fit_errors: The same errors on the scale of the fits, on which strategies are compared; None if that is the
            property's unit.
    """

    name: str
    errors: tuple[NDArray[np.float64], ...]
    is_transfer: bool
    may_serve: bool = True
    fit_errors: tuple[NDArray[np.float64], ...] | None = None

    @property
    def compared(self) -> tuple[NDArray[np.float64], ...]:
        """Errors that decide."""
        return self.errors if self.fit_errors is None else self.fit_errors

    @cached_property
    def mean_error(self) -> float:
        """Mean absolute error over all test rows of all splits."""
        return float(np.mean(np.concatenate(self.errors)))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over splits with its confidence interval.

    Attributes:
        mean: Mean, in the property's unit.
        low: Lower end.
        high: Upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Of a gain: beyond noise on either side of nothing, or neither."""
        if self.low > 0:
            return Verdict.HELPS
        return Verdict.HURTS if self.high < 0 else Verdict.NEUTRAL


@dataclass(frozen=True, slots=True)
class StrategyVerdict:
    """One strategy judged.

    Attributes:
        name: Name of the strategy.
        is_transfer: Whether it uses the pretrained substrate.
        may_serve: Whether it might have been chosen.
        error: Cross-validated mean absolute error.
        gain: Error of the reference less that of the strategy, paired row by row: positive where it is better.
        verdict: HELPS or HURTS where the difference is beyond noise on the scale of the fits, without what single
            labels say.
        against_chosen: Error of what serves less that of the strategy, paired, in the property's unit.
        beats_chosen: HELPS where it errs less than what serves beyond noise, HURTS where it errs more, judged like
            ``verdict``.
    """

    name: str
    is_transfer: bool
    may_serve: bool
    error: Estimate
    gain: Estimate
    verdict: Verdict
    against_chosen: Estimate
    beats_chosen: Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """All strategies judged and one chosen.

    Attributes:
        reference: The best strategy without transfer.
        chosen: What serves.
        verdict: Verdict on the chosen strategy; HURTS needs an override before it may serve.
        transfer_verdict: Verdict on the best strategy with transfer: whether the substrate is of use here;
            NEUTRAL if none was tried.
        best_transfer: That strategy, None if none was tried.
        strategies: All strategies, by ascending error.
        reason: Why this one was chosen, one line.
    """

    reference: str
    chosen: str
    verdict: Verdict
    transfer_verdict: Verdict
    best_transfer: str | None
    strategies: tuple[StrategyVerdict, ...]
    reason: str

    def named(self, name: str) -> StrategyVerdict:
        """The strategy of that name."""
        return next(entry for entry in self.strategies if entry.name == name)


def estimate(by_split: Sequence[NDArray[np.float64]], test_ratio: float, confidence: float) -> Estimate:
    """Mean of a quantity of each test row, with an interval corrected for splits that share training rows.

    ``test_ratio`` is the number of test rows over that of training rows: the variance of the mean over J splits is
    ``(1 / J + test_ratio) s^2``, not ``s^2 / J``. Nadeau & Bengio, Machine Learning 52, 239 (2003), eq. 9.
    """
    means = np.array([rows.mean() for rows in by_split])
    centre = float(np.mean(np.concatenate(by_split)))
    if len(means) < 2:
        return Estimate(centre, -np.inf, np.inf)
    error = np.sqrt((1 / len(means) + test_ratio) * means.var(ddof=1))
    reach = float(stdtrit(len(means) - 1, 0.5 + confidence / 2) * error)
    return Estimate(centre, centre - reach, centre + reach)


def gain(reference: Candidate, other: Candidate, test_ratio: float, confidence: float = VERDICT_CONFIDENCE) -> Estimate:
    """Error of the reference less that of the other, row by row on the splits that both have."""
    pairs = zip(reference.errors, other.errors, strict=False)
    return estimate([one - two for one, two in pairs], test_ratio, confidence)


def contrast(
    reference: Candidate, other: Candidate, test_ratio: float, confidence: float = VERDICT_CONFIDENCE
) -> Estimate:
    """As ``gain``, on the scale of the fits, where ratios may count, and winsorised, so that no label decides alone."""
    pairs = zip(reference.compared, other.compared, strict=False)
    return estimate(tempered([one - two for one, two in pairs], test_ratio), test_ratio, confidence)


def judge(candidates: Sequence[Candidate], test_ratio: float, median: str, default: str | None = None) -> Judgement:
    """Judges all candidates and chooses one.

    ``median`` names the pool median, which is always a candidate; ``default`` the strategy that serves unless another
    is better beyond noise. Raises ConfigurationError if the median is missing.
    """
    by_name = {candidate.name: candidate for candidate in candidates}
    if median not in by_name:
        raise ConfigurationError(f"the pool median ({median}) must be among the candidates", reason="NO_BASELINE")
    reference = min((entry for entry in candidates if not entry.is_transfer), key=lambda entry: entry.mean_error)
    chosen, reason = choose(by_name, test_ratio, median, default)
    served = by_name[chosen]
    entries = sorted((_judged(entry, reference, served, test_ratio) for entry in candidates), key=_mean_error)
    transfer = next((entry for entry in entries if entry.is_transfer), None)
    return Judgement(
        reference=reference.name,
        chosen=chosen,
        verdict=next(entry.verdict for entry in entries if entry.name == chosen),
        transfer_verdict=transfer.verdict if transfer else Verdict.NEUTRAL,
        best_transfer=transfer.name if transfer else None,
        strategies=tuple(entries),
        reason=reason,
    )


def choose(candidates: Mapping[str, Candidate], test_ratio: float, median: str, default: str | None) -> tuple[str, str]:
    """Name of what serves and the reason.

    The lowest of many noisy errors is partly luck, the more so the fewer the labels: the default stays unless another
    is better beyond the noise of their paired difference. The pool median knows no crystal from another: it serves
    where 99 % confidence says that it is better than the winner, and not before.
    """
    eligible = {name: entry for name, entry in candidates.items() if entry.may_serve or name == median}
    preferred = eligible.get(default) if default else None
    if preferred is None:
        best = min(eligible.values(), key=lambda entry: entry.mean_error)
        reason = f"{best.name} has the lowest cross-validated error"
    else:
        rivals = {name: entry for name, entry in eligible.items() if name != median}
        gains = {name: contrast(preferred, entry, test_ratio, CHOICE_CONFIDENCE) for name, entry in rivals.items()}
        better = {name: entry.mean for name, entry in gains.items() if entry.low > 0}
        best = eligible[max(better, key=better.__getitem__)] if better else preferred
        reason = f"{best.name} is better than {default} beyond noise" if better else f"nothing beats {default}"
    if best.name != median and contrast(best, eligible[median], test_ratio, CONSTANT_CONFIDENCE).low > 0:
        return median, f"the median of the labels is better than {best.name} beyond noise"
    return best.name, reason


def _mean_error(entry: StrategyVerdict) -> float:
    return entry.error.mean


def _judged(entry: Candidate, reference: Candidate, served: Candidate, test_ratio: float) -> StrategyVerdict:
    """The reference against itself is NEUTRAL: all its differences are zero."""
    return StrategyVerdict(
        name=entry.name,
        is_transfer=entry.is_transfer,
        may_serve=entry.may_serve,
        error=estimate(entry.errors, test_ratio, VERDICT_CONFIDENCE),
        gain=gain(reference, entry, test_ratio),
        verdict=contrast(reference, entry, test_ratio).verdict,
        against_chosen=gain(served, entry, test_ratio),
        beats_chosen=contrast(served, entry, test_ratio).verdict,
    )
