"""From what is known of a pool to the next batch: fit, cut to a short list, weigh, explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.acquisition import AcquisitionName, choose
from epitaxy_models.campaigns.belief import Belief
from epitaxy_models.campaigns.choice import Choice
from epitaxy_models.campaigns.estimates import Estimate
from epitaxy_models.campaigns.explaining import explained
from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.hedge import ranked_by_head
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.readings import Readings
from epitaxy_models.campaigns.rivalry import Speaker
from epitaxy_models.campaigns.short_list import short_list
from epitaxy_models.campaigns.start import Start, StartName
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

Numbers = NDArray[np.int64]
# Labels that a model needs, and the share of a small pool that is enough.
N_START, _START_SHARE, _LEAST_START = 10, 0.1, 3
_SEED_STEP = 10_007


@dataclass(slots=True)
class Planner:
    """Chooses batches for one campaign; keeps hyper-parameters between batches and nothing else.

    Attributes:
        pool: Features of all candidates.
        objectives: One to three; may be changed between batches.
        start: How to begin.
        acquisition: How to go on.
        seed: Of all random choices.
        limits: What measured properties have to keep.
        heads: What the substrate itself says, by property, where it says anything (`head_answer`).
        beliefs: By property.
    """

    pool: PoolBlocks
    objectives: Sequence[Objective]
    start: Start = field(default_factory=Start)
    acquisition: AcquisitionName = AcquisitionName.AUTO
    seed: int = 0
    limits: Sequence[Limit] = ()
    heads: Mapping[str, HeadAnswer] = field(default_factory=dict)
    beliefs: dict[str, Belief] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.objectives]
        if not 1 <= len(names) <= 3 or len(set(names)) < len(names):
            raise ConfigurationError("one to three objectives, each of another property", reason="INVALID_OBJECTIVE")

    @property
    def n_start(self) -> int:
        """Labels from which on a model chooses."""
        return min(N_START, max(_LEAST_START, int(_START_SHARE * self.pool.n_candidates)))

    def recommend(self, known: Knowledge, n_wanted: int) -> list[Choice]:
        """The next batch, fewer if fewer candidates are open; the same state, knowledge and seed give the same.

        Raises ConfigurationError (INVALID_KNOWLEDGE) if the knowledge is not of this pool.
        """
        known.check(self.pool.n_candidates)
        if n_wanted < 1:
            return []
        if self.acquisition is AcquisitionName.RANDOM:
            return self._first(known, n_wanted, Start(StartName.RANDOM), "drawn at random")
        if not self.has_model(known):
            return self._first(known, n_wanted, self._start_of(known), "")
        estimates = self.estimates(known)
        if all(entry.belief.speaker is Speaker.MEAN for entry in estimates[: len(self.objectives)]):
            reason = "no model predicts better than the mean of the results: spread over the pool"
            return self._first(known, n_wanted, Start(StartName.DIVERSE), reason)
        return self._weighed(estimates, known, n_wanted)

    def has_model(self, known: Knowledge) -> bool:
        """Whether there are labels enough of every objective for a model to choose."""
        return min(self._n_labels(known, entry.name) for entry in self.objectives) >= self.n_start

    def estimates(self, known: Knowledge) -> list[Estimate]:
        """The models of all objectives, in their order, then those of limits that have labels enough.

        A model is updated by every result; its hyper-parameters are found anew once there are a quarter more labels.
        """
        names = [entry.name for entry in self.objectives]
        of_limits = {entry.name for entry in self.limits} - set(names)
        names += sorted(name for name in of_limits if self._n_labels(known, name) >= self.n_start)
        return [Estimate.of(name, self._believe(name, known), known, self.heads.get(name)) for name in names]

    def state(self) -> dict[str, Any]:
        """Hyper-parameters and who speaks, as plain containers: with them a log gives the same batches again."""
        return {name: belief.state() for name, belief in self.beliefs.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over a ``state``."""
        self.beliefs = {name: Belief.restore(record, self.pool, self.heads.get(name)) for name, record in state.items()}

    def _n_labels(self, known: Knowledge, name: str) -> int:
        return len(np.unique(known.results(name)[0]))

    def _believe(self, name: str, known: Knowledge) -> Belief:
        candidates, values, stds = known.results(name)
        transform = TargetTransform.fit(TransformKind.AUTO if self._is_monotone(name) else TransformKind.NONE, values)
        readings = Readings.of(candidates, values, stds, transform)
        before, head = self.beliefs.get(name), self.heads.get(name)
        is_sharp = not self._is_monotone(name)
        belief = Belief.following(before, self.pool, readings, transform, self.seed, head, is_sharp)
        self.beliefs[name] = belief
        return belief

    def _is_monotone(self, name: str) -> bool:
        return all(entry.goal.is_monotone for entry in self.objectives if entry.name == name)

    def _first(self, known: Knowledge, n_wanted: int, start: Start, reason: str) -> list[Choice]:
        tried = np.unique(np.concatenate([known.candidates, known.failed, known.pending])).astype(np.int64)
        open_ones = known.distinct(known.open(self.pool.n_candidates))
        found = start.choose(self.pool, n_wanted, self._step(known), tried, open_ones)
        return [
            Choice(
                number,
                0.0,
                exploitation=float(entry.by_head),
                exploration=float(not entry.by_head),
                reason=reason or entry.reason,
            )
            for number, entry in found
        ]

    def _weighed(self, estimates: Sequence[Estimate], known: Knowledge, n_wanted: int) -> list[Choice]:
        open_ones = known.distinct(known.open(self.pool.n_candidates))
        start = self._start_of(known)
        ranked = ranked_by_head(start, self.objectives, self.heads, self.limits, known, open_ones, n_wanted)
        numbers, listed = short_list(self.pool, known, estimates, self.objectives, self.limits, ranked)
        is_ranked = np.isin(numbers[listed.open], ranked)
        places = listed.open[is_ranked]
        found = choose(
            replace(listed, open=listed.open[~is_ranked]), self.acquisition, n_wanted - len(ranked), self._step(known)
        )
        found += [(int(place), 0.0) for place in places]
        name = self.acquisition.resolved(self.objectives)
        choices = explained(self.pool, known, estimates[: len(self.objectives)], numbers, listed, found, name)
        reason = f"one choice in five: ranked by {start.source}"
        by_head = set(ranked.tolist())
        return [replace(one, reason=reason) if one.candidate in by_head else one for one in choices]

    def _start_of(self, known: Knowledge) -> Start:
        return self.start.with_heads(self.objectives, self.heads, known)

    def _step(self, known: Knowledge) -> int:
        """Seed of one batch: another one once anything has been tried or recommended."""
        return self.seed * _SEED_STEP + len(known.candidates) + len(known.failed) + len(known.pending)
