"""What is left in a pool: joint samples of the true values of the open candidates and of the best measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from epitaxy_models.campaigns.best import Best, bests
from epitaxy_models.campaigns.estimates import Estimate, chance_of_limits
from epitaxy_models.campaigns.front import hypervolume, reference_point
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.listed import ShortList
from epitaxy_models.campaigns.objective import Objective
from epitaxy_models.campaigns.own_choice import joint_samples
from epitaxy_models.campaigns.short_list import short_list
from epitaxy_models.campaigns.success import success_of

if TYPE_CHECKING:
    from epitaxy_models.campaigns.planner import Planner

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
_N_SAMPLES, _N_VOLUMES = 512, 64
# Of the spread of the results, on the scale that is learned.
_LEAST_MARGIN = 0.1
# Candidates beyond the short list that are looked at one by one; of larger pools an even sample stands for all.
_N_REST = 20_000
# A measured candidate that is the best with at least this chance is a rival of the one named.
_RIVAL, _N_REPLICATES = 0.1, 3


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the models expect of the open candidates.

    Attributes:
        planner: Of the campaign.
        known: As of now.
        estimates: The models of the objectives, then those of limits.
        numbers: Listed candidates.
        listed: What is known of them.
        best: The best measured, or the front.
        margin: By how much better counts, in units.
    """

    planner: "Planner"
    known: Knowledge
    estimates: Sequence[Estimate]
    numbers: Numbers
    listed: ShortList
    best: tuple[Best, ...]
    margin: Mapping[str, float]

    @classmethod
    def of(cls, planner: "Planner", known: Knowledge, margin: Mapping[str, float]) -> "Outlook":
        """As of now, with a default for margins that are not given."""
        estimates = planner.estimates(known)
        numbers, listed = short_list(planner.pool, known, estimates, planner.objectives, planner.limits)
        of_objectives = estimates[: len(planner.objectives)]
        margins = {
            entry.name: margin.get(entry.name, _default_margin(entry, objective))
            for entry, objective in zip(of_objectives, planner.objectives, strict=True)
        }
        best = bests(of_objectives, planner.objectives, numbers[listed.measured])
        return cls(planner, known, estimates, numbers, listed, best, margins)

    def chance_better(self) -> float:
        """Chance that an open candidate is better than the best by the margin, or lies beyond the front by it."""
        listed = self.listed
        found = self._utilities(listed)
        made = np.random.default_rng(self.planner.seed).random((len(found), len(listed.open)))
        is_made = made < listed.success[listed.open]
        is_better = self._beats(found[:, listed.open], found[:, self._places_of_best()]) & is_made
        chance_of_listed = float(is_better.any(axis=1).mean())
        # The others are taken to be independent of the listed: what is left of their spread is mostly their own.
        return 1 - (1 - chance_of_listed) * float(np.exp(self._log_chance_of_none()))

    def gain(self, batch: Numbers) -> float:
        """Expected gain of measuring a batch: of the utility in its unit, or of the hypervolume."""
        if not len(batch):
            return 0.0
        numbers = np.concatenate([batch, [entry.candidate for entry in self.best]]).astype(np.int64)
        found = self._utilities(self._only(numbers))
        success = success_of(self.planner.pool, self.known, batch)
        success *= chance_of_limits(self.estimates, self.planner.limits, batch)
        is_made = np.random.default_rng(self.planner.seed).random((len(found), len(batch))) < success
        new, old = found[:, : len(batch)], found[:, len(batch) :]
        if found.shape[2] == 1:
            best_new = np.where(is_made, new[..., 0], -np.inf).max(axis=1)
            return float(np.maximum(best_new - old[..., 0].max(axis=1), 0.0).mean())
        return _volume_gain(new[:_N_VOLUMES], old[:_N_VOLUMES], is_made[:_N_VOLUMES])

    def replicates(self) -> tuple[int, ...]:
        """The best and its rivals among the measured, if readings stray and cannot tell them apart."""
        one = self.estimates[0].process.readings
        if len(self.planner.objectives) > 1 or not one.is_noise_known or one.typical_noise <= 0:
            return ()
        measured = self.numbers[self.listed.measured]
        found = self._utilities(self._only(measured))[..., 0]
        chances = np.bincount(found.argmax(axis=1), minlength=len(measured)) / len(found)
        order = np.argsort(-chances, kind="stable")[:_N_REPLICATES]
        rivals = [int(measured[place]) for place in order if chances[place] >= _RIVAL]
        return tuple(rivals) if len(rivals) > 1 else ()

    def _utilities(self, listed: ShortList) -> Array:
        """Joint samples of utilities in units, ``[n_samples, n, n_objectives]``; deviations as wide as they proved."""
        factors = [max(1.0, entry.intervals.inflation) ** 2 for entry in self._of_objectives]
        wider = replace(listed, covariances=listed.covariances * np.array(factors)[:, None, None])
        found = joint_samples(wider, _N_SAMPLES, self.planner.seed)
        return self._in_units(found)

    def _in_units(self, values: Array) -> Array:
        pairs = zip(self.planner.objectives, self._of_objectives, strict=True)
        return np.stack([one.utility(entry.to_unit(values[..., i])) for i, (one, entry) in enumerate(pairs)], axis=-1)

    @property
    def _of_objectives(self) -> Sequence[Estimate]:
        return self.estimates[: len(self.planner.objectives)]

    @property
    def _margins(self) -> Array:
        return np.array([self.margin[entry.name] for entry in self.planner.objectives])

    def _beats(self, found: Array, bests: Array) -> NDArray[np.bool_]:
        """Whether each lies beyond all bests by the margin in at least one objective, ``[n_samples, n]``."""
        is_beaten = np.zeros(found.shape[:2], dtype=bool)
        for place in range(bests.shape[1]):
            is_beaten |= (found <= bests[:, place : place + 1] + self._margins).all(axis=2)
        return ~is_beaten

    def _places_of_best(self) -> list[int]:
        places = {int(number): place for place, number in enumerate(self.numbers)}
        return [places[entry.candidate] for entry in self.best]

    def _only(self, numbers: Numbers) -> ShortList:
        """The joint posterior of some candidates."""
        joint = [entry.process.joint(numbers) for entry in self._of_objectives]
        nothing = np.empty(0, dtype=np.int64)
        return replace(
            self.listed,
            means=np.stack([means for means, _ in joint]),
            covariances=np.stack([covariance for _, covariance in joint]),
            measured=nothing,
            pending=nothing,
            open=np.arange(len(numbers)),
            costs=np.ones(len(numbers)),
            success=np.ones(len(numbers)),
        )

    def _log_chance_of_none(self) -> float:
        """Log probability that no candidate beyond the list is better; one by one, for one objective."""
        rest = np.setdiff1d(self.known.open(self.planner.pool.n_candidates), self.numbers)
        if not len(rest) or len(self.planner.objectives) > 1:
            return 0.0
        sampled = rest[:: -(-len(rest) // _N_REST)]
        entry, objective = self._of_objectives[0], self.planner.objectives[0]
        means, stds = entry.process.marginals(sampled)
        asked = self._in_units(self._means_of_best())[0, 0] + self._margins[0]
        chances = _chance_above(entry, objective, means, stds * max(1.0, entry.intervals.inflation), asked)
        chances *= success_of(self.planner.pool, self.known, sampled)
        return float(np.log1p(-np.minimum(chances, 1 - 1e-12)).sum() * len(rest) / len(sampled))

    def _means_of_best(self) -> Array:
        return self.listed.means[:, self._places_of_best()].T


def _chance_above(entry: Estimate, objective: Objective, means: Array, stds: Array, asked: float) -> Array:
    """Probability that each utility exceeds what is asked, in units."""
    if not objective.goal.is_monotone and asked >= 0:
        return np.zeros(len(means))
    low, high = objective.values_above(asked)
    ends = [entry.on_scale(end) for end in (low, high)]
    return np.asarray(ndtr((ends[1] - means) / stds) - ndtr((ends[0] - means) / stds))


def _volume_gain(new: Array, old: Array, is_made: NDArray[np.bool_]) -> float:
    reference = reference_point(np.concatenate([new.mean(axis=0), old.mean(axis=0)]))
    gains = []
    for added, front, made in zip(new, old, is_made, strict=True):
        both = np.concatenate([front, added[made]])
        gains.append(hypervolume(both, reference) - hypervolume(front, reference))
    return float(np.mean(gains))


def _default_margin(entry: Estimate, objective: Objective) -> float:
    """What noise cannot tell apart, at least a tenth of the results' spread, about the best result; in the unit.

    Spread is that of the scale that is learned: where results span decades, a step that matters about the best is
    larger than one about the middle.
    """
    values = entry.process.readings.values
    best = float(values[np.argmax(objective.utility(entry.to_unit(values)))])
    noise = float(np.sqrt(entry.process.noise_variance)) if entry.process.readings.is_noise_known else 0.0
    reach = max(noise, _LEAST_MARGIN * float(values.std()))
    low, high = entry.to_unit(np.array([best - reach, best + reach]))
    return float(high - low) / 2
