"""Who competes: every strategy of a job, by what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.strategies import frozen_strategies
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.censored import for_censored
from epitaxy_models.transfer.strategies.networks.fine_tune import FullFineTune, PartialFineTune, ScratchNetwork
from epitaxy_models.transfer.strategies.physics_process import PhysicsProcess
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

    def with_bounds(self) -> "Field":
        """The same for labels of which some are bounds."""
        return Field(*(tuple(for_censored(entry) for entry in entries) for entries in (self.frozen, self.costly)))

    def with_law(self, law: PhysicsLaw, scale: LabelScale) -> "Field":
        """The same and a process of the law's parameters, before the median."""
        process = PhysicsProcess(law, scale)
        return replace(self, frozen=(*self.frozen[:-1], process, *self.frozen[-1:]))

    def with_noise(self, std: float) -> "Field":
        """The same, where the processes know that labels are no better than that, on the scale of the fits."""
        told = [
            replace(entry, noise_std=std) if isinstance(entry, BlockGP | PhysicsProcess) else entry
            for entry in self.frozen
        ]
        return replace(self, frozen=tuple(told))


def default_field(artifact: ModelArtifact, *, with_peers: bool = False) -> Field:
    """All that this version knows, over that substrate; the network from scratch first, as it is a reference."""
    return Field(
        frozen_strategies(with_peers=with_peers), (ScratchNetwork(), PartialFineTune(artifact), FullFineTune(artifact))
    )
