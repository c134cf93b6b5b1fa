"""Who competes: every strategy of a job, by what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.transfer.strategies import frozen_strategies
from epitaxy_models.transfer.strategies.networks.fine_tune import FullFineTune, PartialFineTune, ScratchNetwork
from epitaxy_models.transfer.strategy import TransferStrategy


@dataclass(frozen=True, slots=True)
class Field:
    """Competitors.

    Attributes:
        frozen: Seconds each; always compared, on all splits.
        costly: Networks; compared where the budget lets them.
    """

    frozen: Sequence[TransferStrategy]
    costly: Sequence[TransferStrategy] = ()

    def named(self) -> dict[str, TransferStrategy]:
        """All of them."""
        return {strategy.name: strategy for strategy in (*self.frozen, *self.costly)}


def default_field(artifact: ModelArtifact, *, with_peers: bool = False) -> Field:
    """All that this version knows, over that substrate; the network from scratch first, as it is a reference."""
    return Field(
        frozen_strategies(with_peers=with_peers), (ScratchNetwork(), PartialFineTune(artifact), FullFineTune(artifact))
    )
