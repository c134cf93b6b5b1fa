"""Who competes: every strategy of a job, by what it costs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.transfer.contest.comparison import FRACTION_FOREST
from epitaxy_models.transfer.contest.stacking import DEFAULT_PRIOR, StackPrior
from epitaxy_models.transfer.fidelities.filling import Filling
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, FIDELITIES, FILLED_PREFIX, FRACTIONS, TRACES
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.strategies import frozen_strategies
from epitaxy_models.transfer.strategies.block_gp import KIND as DEFAULT_PROCESS
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS, WITHOUT_SUBSTRATE, BlockGP
from epitaxy_models.transfer.strategies.block_kernel import Shape
from epitaxy_models.transfer.strategies.bound import Bound
from epitaxy_models.transfer.strategies.by_fidelity import Hiding
from epitaxy_models.transfer.strategies.censored import for_censored
from epitaxy_models.transfer.strategies.gated_process import GatedProcess
from epitaxy_models.transfer.strategies.laws import LawColumn
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.networks.fine_tune import FullFineTune, PartialFineTune, ScratchNetwork
from epitaxy_models.transfer.strategies.physics_process import PhysicsProcess
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge
from epitaxy_models.transfer.strategies.substrate_head import SubstrateHead
from epitaxy_models.transfer.strategies.substrate_line import SubstrateLine
from epitaxy_models.transfer.strategy import TransferStrategy

# Strategies that answer with what is known already, and learn at most what it leaves.
ANCHORED = "anchored_forest"
_LAWS = frozenset({"substrate_head", "substrate_line", "gated_process", ANCHORED})
# Properties of molecules vary smoothly, and few labels cannot tell that forests lag behind. On 25 solubilities forests
# err by a quarter more than processes: with an even prior the stack erred by 8 % more than the better process alone,
# with this one by 1 %. At 100 labels it errs less by half a per cent over five targets.
_PRIOR_OF_MOLECULES = StackPrior(50.0, 50.0, weight=6.0, trusted=frozenset({DEFAULT_PROCESS, WITHOUT_SUBSTRATE}))
# Of 25 steels processes know no more than the median, and err by half more than forests: without such a limit the stack
# errs by 6 % more than forests, with it by 3 % less.
_PRIOR_OF_COMPOSITIONS = StackPrior(50.0, 50.0, most_error=1.15)


@dataclass(frozen=True, slots=True)
class Field:
    """Competitors.

    Attributes:
        frozen: Seconds each; always compared, on all splits.
        costly: Networks; compared where the budget lets them.
        laws: Names of those that rest on columns which state the labels' own quantity.
        heads: Competitors that join, before the median, where a head of the substrate states the labels' quantity.
        preferred: What serves unless another is better beyond noise; empty: the stack.
        prior: What the stack believes of them before any label.
    """

    frozen: Sequence[TransferStrategy]
    costly: Sequence[TransferStrategy] = ()
    laws: frozenset[str] = frozenset()
    heads: Sequence[TransferStrategy] = ()
    preferred: str = ""
    prior: StackPrior = DEFAULT_PRIOR

    def named(self) -> dict[str, TransferStrategy]:
        """All of them."""
        return {strategy.name: strategy for strategy in (*self.frozen, *self.costly)}

    def with_bounds(self) -> "Field":
        """The same for labels of which some are bounds."""
        frozen, costly = (tuple(for_censored(entry) for entry in entries) for entries in (self.frozen, self.costly))
        return replace(self, frozen=frozen, costly=costly)

    def for_classes(self) -> "Field":
        """Those that can score labels that are 0 or 1: what states the labels' own quantity states no class."""
        kept = (_for_classes(entry) for entry in self.frozen)
        return replace(self, frozen=tuple(entry for entry in kept if entry is not None), heads=())

    def with_law(self, law: PhysicsLaw, scale: LabelScale) -> "Field":
        """The same and a process of the law's parameters, before the median."""
        process = PhysicsProcess(law, scale)
        return replace(self, frozen=(*self.frozen[:-1], process, *self.frozen[-1:]))

    def asked_for(self, names: Collection[str] | None) -> "Field":
        """The same, where heads that a job names compete whatever they state; None names none."""
        asked = tuple(entry for entry in self.heads if entry.name in (names or ()))
        left = tuple(entry for entry in self.heads if entry not in asked)
        return replace(self, frozen=(*self.frozen[:-1], *asked, *self.frozen[-1:]), heads=left)

    def told(self, noise_std: float, kin: tuple[LawColumn, ...]) -> "Field":
        """The same, where strategies know what is known of the labels before any fit.

        Args:
            noise_std: Labels are no better than that, on the scale of the fits.
            kin: Columns that state the labels' own quantity on that scale.
        """
        entries = (*self.frozen[:-1], *(self.heads if kin else ()), *self.frozen[-1:])
        laws = frozenset(entry.name for entry in entries if kin and entry.name in _LAWS)
        return replace(self, frozen=tuple(_told(entry, noise_std, kin) for entry in entries), laws=laws, heads=())


def with_columns(field: Field, filling: Filling, bound: Bound | None) -> Field:
    """The same for a job with columns of cheaper values.

    Lines on what follows from them are shrunk like those on the substrate's own heads, and a forest on what they leave
    competes whatever the property is. Where labels pile up at a ``bound``, as gaps do, that forest is preferred: with
    known PBE gaps the stack errs by 7 % more at 25 labels and by 2 % at 100. With several columns values are hidden at
    random, so that a model can do with any of them.
    """
    filled = tuple(
        LawColumn(f"{FILLED_PREFIX}{model.name}", column)
        for model in filling.models
        for column in (0, *range(2, 2 + model.n_kin))
    )
    frozen = tuple(_knows(entry, filled) for entry in field.frozen)
    if len(filling.models) > 1:
        frozen = tuple(Hiding(entry, filling) for entry in frozen)
    return replace(field, frozen=frozen, preferred=ANCHORED if bound and field.laws else "")


def _knows(entry: TransferStrategy, filled: tuple[LawColumn, ...]) -> TransferStrategy:
    """A strategy whose lines on the labels' own quantity include those that follow from cheaper values."""
    from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest  # noqa: PLC0415 - loads scikit-learn

    if isinstance(entry, GatedProcess) and entry.line.kin:
        return replace(entry, line=replace(entry.line, kin=(*entry.line.kin, *filled)))
    if isinstance(entry, AnchoredForest):
        return replace(entry, kin=(*entry.kin, *filled) if entry.kin else (), is_open=True)
    if isinstance(entry, SubstrateLine | SubstrateHead) and entry.kin:
        return replace(entry, kin=(*entry.kin, *filled))
    return entry


def _told(entry: TransferStrategy, noise_std: float, kin: tuple[LawColumn, ...]) -> TransferStrategy:
    from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest  # noqa: PLC0415 - loads scikit-learn

    if isinstance(entry, PhysicsProcess):
        return replace(entry, noise_std=noise_std)
    without_fidelities = all(column.block != FIDELITIES for column in kin)
    if isinstance(entry, BlockGP):
        return replace(entry, noise_std=noise_std, without_fidelities=without_fidelities)
    if isinstance(entry, GatedProcess):
        process = replace(entry.process, noise_std=noise_std, without_fidelities=without_fidelities)
        return replace(entry, line=replace(entry.line, kin=kin), process=process)
    return replace(entry, kin=kin) if isinstance(entry, SubstrateLine | SubstrateHead | AnchoredForest) else entry


def _for_classes(entry: TransferStrategy) -> TransferStrategy | None:
    """The strategy about the share of ones; None for one that learns from a number of its kind alone.

    Least squares on 0 and 1 estimate probabilities: splits of trees by variance are those by Gini's impurity, and a
    process is the least-squares classifier of Rasmussen & Williams 2006, section 6.5. No label of a class is wild.
    """
    if isinstance(entry, BlockGP):
        return replace(entry, is_robust=False, about_mean=True)
    if isinstance(entry, PoolMedian):
        return replace(entry, about_mean=True)
    return None if entry.name in _LAWS else entry


def material_field(kind: MaterialKind, *, with_peers: bool = False) -> Field:
    """Competitors on materials without a crystal, with and without their substrate.

    Those without read all that is known beside it: the better of them is what transfer has to beat.
    """
    return _composition_field() if kind is MaterialKind.COMPOSITION else _molecule_field(with_peers=with_peers)


def _molecule_field(*, with_peers: bool) -> Field:
    from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest  # noqa: PLC0415 - scikit-learn
    from epitaxy_models.transfer.strategies.full_forest import FullForest  # noqa: PLC0415 - loads scikit-learn

    process = BlockGP(linear_beyond=(COUNTS,))
    without: tuple[TransferStrategy, ...] = (
        replace(process, without_substrate=True, without_peers=True, name=WITHOUT_SUBSTRATE),
        DescriptorForest(blocks=(DESCRIPTORS, COUNTS)),
    )
    # What reads no other network is the reference that a peer has to beat.
    without = (replace(process, without_peers=True, name=WITHOUT_PEERS), *without) if with_peers else without
    frozen: tuple[TransferStrategy, ...] = (process, EmbeddingRidge(), FullForest(), *without, PoolMedian())
    return Field(frozen, heads=_heads(process), prior=_PRIOR_OF_MOLECULES)


def _composition_field() -> Field:
    """Covariances of compositions are rough: one more element may be another phase.

    With Matern's in place of the smooth one, and atoms in common in place of distances between fractions, the process
    errs less by 5 % on 100 steels, by 1 % on alloys, by 4 % on gaps.
    """
    from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest  # noqa: PLC0415 - scikit-learn
    from epitaxy_models.transfer.strategies.full_forest import FullForest  # noqa: PLC0415 - loads scikit-learn

    process = BlockGP(shape=Shape.MATERN, hidden=(FRACTIONS, TRACES))
    without = (
        replace(process, without_substrate=True, name=WITHOUT_SUBSTRATE),
        DescriptorForest(blocks=(DESCRIPTORS, FRACTIONS)),
        # Of a steel the fractions say more than statistics of them. Few of the elements occur, so that a split has to
        # look at many columns: at a third of them the error on 100 steels is larger by 2 %.
        DescriptorForest(name=FRACTION_FOREST, blocks=(FRACTIONS,), share_of_features=0.6),
    )
    frozen = (process, EmbeddingRidge(), FullForest(), *without, PoolMedian())
    return Field(frozen, heads=_heads(process), prior=_PRIOR_OF_COMPOSITIONS)


def _heads(process: BlockGP) -> tuple[TransferStrategy, ...]:
    from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest  # noqa: PLC0415 - loads scikit-learn

    gated = GatedProcess(process=replace(process, without_peers=True))
    return gated, SubstrateLine(), SubstrateHead(), AnchoredForest(is_open=False)


def default_field(artifact: ModelArtifact, *, with_peers: bool = False) -> Field:
    """All that this version knows, over that substrate; the network from scratch first, as it is a reference."""
    return Field(
        frozen_strategies(with_peers=with_peers), (ScratchNetwork(), PartialFineTune(artifact), FullFineTune(artifact))
    )
