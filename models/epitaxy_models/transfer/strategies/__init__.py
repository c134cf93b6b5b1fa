"""Ways to learn from few labels."""

from importlib import import_module

from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS, BlockGP
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.ridge import EmbeddingRidge
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferStrategy

__all__ = ["BlockGP", "EmbeddingRidge", "PoolMedian", "frozen_strategies", "restore"]

_PACKAGE = "epitaxy_models.transfer.strategies"
# Module and class that rebuild each kind of state. Loaded when asked for: networks bring torch.
_RESTORERS = {
    "block_gp": ("block_gp", "FittedBlockGP"),
    "embedding_ridge": ("ridge", "FittedRidge"),
    "pool_median": ("median", "FittedMedian"),
    "descriptor_forest": ("descriptor_forest", "FittedForest"),
    "network": ("network", "FittedNetwork"),
}


def frozen_strategies(*, with_peers: bool = False) -> tuple[TransferStrategy, ...]:
    """Those that train no network, the default first: seconds for a hundred labels on one core.

    Where the inputs hold features of other substrates, the default without them competes too.
    """
    forest = import_module(f"{_PACKAGE}.descriptor_forest").DescriptorForest()
    alone = (BlockGP(without_peers=True, name=WITHOUT_PEERS),) if with_peers else ()
    return (BlockGP(), *alone, EmbeddingRidge(), forest, PoolMedian())


def import_frozen() -> None:
    """Loads what rebuilds every strategy that trains no network, so that the first model need not wait for it."""
    for module in {module for kind, (module, _) in _RESTORERS.items() if kind != "network"}:
        import_module(f"{_PACKAGE}.{module}")


def restore(state: StrategyState) -> FittedStrategy:
    """Rebuilds a fitted strategy. Raises CheckpointError where its kind is unknown or its state incomplete."""
    if state.kind not in _RESTORERS:
        raise CheckpointError(f"no strategy of kind {state.kind!r:.40}: is the code older?", reason="UNKNOWN_STRATEGY")
    module, name = _RESTORERS[state.kind]
    try:
        fitted: FittedStrategy = getattr(import_module(f"{_PACKAGE}.{module}"), name).restore(state)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"state of {state.kind} is damaged: {error!r:.120}", reason="INVALID_STRATEGY") from error
    return fitted
