"""Strategies: the ways to learn a property from few labels."""

from collections.abc import Callable
from typing import Protocol

from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS, BlockGP, FittedBlockGP
from epitaxy_models.transfer.strategies.gated_process import FittedGatedProcess, GatedProcess
from epitaxy_models.transfer.strategies.median import FittedMedian, PoolMedian
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge, FittedRidge
from epitaxy_models.transfer.strategies.substrate_head import SubstrateHead
from epitaxy_models.transfer.strategies.substrate_line import FittedLine, SubstrateLine
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferStrategy

__all__ = [
    "BlockGP",
    "EmbeddingRidge",
    "GatedProcess",
    "PoolMedian",
    "SubstrateHead",
    "SubstrateLine",
    "frozen_strategies",
    "import_frozen",
    "restore",
]


def frozen_strategies(*, with_peers: bool = False) -> tuple[TransferStrategy, ...]:
    """The strategies that train no network, the default first; each takes seconds for a hundred labels on one core.

    Args:
        with_peers: Whether the inputs hold features of other substrates; the default without them competes too then.
    """
    from epitaxy_models.transfer.strategies.anchored_forest import AnchoredForest  # noqa: PLC0415 - loads scikit-learn
    from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest  # noqa: PLC0415 - loads scikit-learn
    from epitaxy_models.transfer.strategies.full_forest import FullForest  # noqa: PLC0415 - loads scikit-learn

    alone = (BlockGP(without_peers=True, name=WITHOUT_PEERS),) if with_peers else ()
    laws = (GatedProcess(), SubstrateLine(), SubstrateHead())
    forests = (DescriptorForest(), FullForest(), AnchoredForest(is_open=False))
    return (BlockGP(), *alone, *laws, EmbeddingRidge(), *forests, PoolMedian())


def import_frozen() -> None:
    """Imports what restores any strategy that trains no network, so that the first model need not wait for it."""
    for load in (_forest, _full_forest, _anchored, _by_fidelity, _physics, _censored):
        load()


def restore(state: StrategyState) -> FittedStrategy:
    """Rebuilds a fitted strategy.

    Raises CheckpointError if its kind is unknown (UNKNOWN_STRATEGY) or its state is incomplete (INVALID_STRATEGY).
    """
    if state.kind not in _RESTORERS:
        raise CheckpointError(f"unknown strategy {state.kind!r:.40}: is this code older?", reason="UNKNOWN_STRATEGY")
    restorer = _RESTORERS[state.kind]()
    try:
        return restorer.restore(state)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"state of {state.kind} is damaged: {error!r:.120}", reason="INVALID_STRATEGY") from error


class _Restorer(Protocol):
    @classmethod
    def restore(cls, state: StrategyState) -> FittedStrategy: ...


def _forest() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.descriptor_forest import FittedForest  # noqa: PLC0415 - loads scikit-learn

    return FittedForest


def _full_forest() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.full_forest import FittedFullForest  # noqa: PLC0415 - loads scikit-learn

    return FittedFullForest


def _network() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.networks.fine_tune import FittedNetwork  # noqa: PLC0415 - loads torch

    return FittedNetwork


def _physics() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.fitted_physics import FittedPhysicsProcess  # noqa: PLC0415 - seldom used

    return FittedPhysicsProcess


def _censored() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.censored import FittedCensoredProcess  # noqa: PLC0415 - seldom used

    return FittedCensoredProcess


def _anchored() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.anchored_forest import FittedAnchoredForest  # noqa: PLC0415 - scikit-learn

    return FittedAnchoredForest


def _by_fidelity() -> type[_Restorer]:
    from epitaxy_models.transfer.strategies.by_fidelity import FittedByFidelity  # noqa: PLC0415 - circle

    return FittedByFidelity


_RESTORERS: dict[str, Callable[[], type[_Restorer]]] = {
    "block_gp": lambda: FittedBlockGP,
    "embedding_ridge": lambda: FittedRidge,
    "pool_median": lambda: FittedMedian,
    "substrate_line": lambda: FittedLine,
    "gated_process": lambda: FittedGatedProcess,
    "descriptor_forest": _forest,
    "full_forest": _full_forest,
    "network": _network,
    "physics_process": _physics,
    "censored_process": _censored,
    "anchored_forest": _anchored,
    "by_fidelity": _by_fidelity,
    "network_by_fidelity": _by_fidelity,
}
