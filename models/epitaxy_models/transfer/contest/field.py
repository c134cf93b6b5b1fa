"""Who competes: every strategy of a job, by what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.strategies import frozen_strategies
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.censored import for_censored
from epitaxy_models.transfer.strategies.gated_process import GatedProcess
from epitaxy_models.transfer.strategies.laws import LawColumn
from epitaxy_models.transfer.strategies.networks.fine_tune import FullFineTune, PartialFineTune, ScratchNetwork
from epitaxy_models.transfer.strategies.physics_process import PhysicsProcess
from epitaxy_models.transfer.strategies.substrate_head import SubstrateHead
from epitaxy_models.transfer.strategies.substrate_line import SubstrateLine
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

    def told(self, noise_std: float, kin: tuple[LawColumn, ...]) -> "Field":
        """The same, where strategies know what is known of the labels before any fit.

        Args:
            noise_std: Labels are no better than that, on the scale of the fits.
            kin: Columns that state the labels' own quantity on that scale.
        """
        return replace(self, frozen=tuple(_told(entry, noise_std, kin) for entry in self.frozen))


def _told(entry: TransferStrategy, noise_std: float, kin: tuple[LawColumn, ...]) -> TransferStrategy:
    if isinstance(entry, BlockGP | PhysicsProcess):
        return replace(entry, noise_std=noise_std)
    if isinstance(entry, GatedProcess):
        process = replace(entry.process, noise_std=noise_std)
        return replace(entry, line=replace(entry.line, kin=kin), process=process)
    return replace(entry, kin=kin) if isinstance(entry, SubstrateLine | SubstrateHead) else entry


def default_field(artifact: ModelArtifact, *, with_peers: bool = False) -> Field:
    """All that this version knows, over that substrate; the network from scratch first, as it is a reference."""
    return Field(
        frozen_strategies(with_peers=with_peers), (ScratchNetwork(), PartialFineTune(artifact), FullFineTune(artifact))
    )
