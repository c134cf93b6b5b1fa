"""From what is known of a pool to the next batch: fit, cut to a short list, weigh, explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.belief import Belief
from epitaxy_models.campaigns.choice import Choice
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.start import Start

# Share of a pool that counts as the best.
BEST_SHARE = 0.01


@dataclass(slots=True)
class Planner:
    """Chooses batches for one campaign; keeps hyper-parameters between batches and nothing else.

    Attributes:
        pool: Features of all candidates.
        objectives: One to three.
        start: How to begin.
        acquisition: How to go on.
        seed: Of all random choices.
        limits: What measured properties have to keep.
    """

    pool: PoolBlocks
    objectives: Sequence[Objective]
    start: Start = field(default_factory=Start)
    acquisition: AcquisitionName = AcquisitionName.AUTO
    seed: int = 0
    limits: Sequence[Limit] = ()
    beliefs: dict[str, Belief] = field(default_factory=dict)

    def recommend(self, known: Knowledge, n_wanted: int) -> list[Choice]:
        """The next batch, fewer if fewer candidates are open; the same state, knowledge and seed give the same."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """Hyper-parameters and who speaks, as plain containers: with them a log gives the same batches again."""
        return {name: belief.state() for name, belief in self.beliefs.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over a ``state``."""
        self.beliefs = {name: Belief.restore(record, self.pool) for name, record in state.items()}
