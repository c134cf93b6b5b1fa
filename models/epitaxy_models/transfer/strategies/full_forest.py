"""A full rival: extremely randomized trees on all that is known of a crystal, not on descriptors alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import EMBEDDING, PEER_PREFIX, TransferInputs
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns
from epitaxy_models.transfer.strategies.descriptor_forest import LEAST_STD, FittedForest
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "full_forest"
# Read apart from the other blocks, or not at all.
_LEFT_OUT = (EMBEDDING, PEER_PREFIX, CONDITION_PREFIX)
# Directions of the embedding that trees may split on: thousands of columns would leave the others no turn.
_N_DIRECTIONS = 16


@dataclass(frozen=True)
class FullForest:
    """Trees on descriptors, directions of the embedding, conditions, and what substrate, fidelities and textbooks say.

    Features of other substrates are left out, so that the model needs none of them installed.

    Attributes:
        n_trees: Size of the forest.
        share_of_features: Share of the columns that a split may choose from.
        name: Name of the strategy.
    """

    n_trees: int = 100
    share_of_features: float = 0.3
    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedFullForest":
        """Learns from ``targets`` ``[n_rows]``."""
        names = sorted(name for name in inputs.blocks if not name.startswith(_LEFT_OUT))
        columns, conditions = TreeColumns.fit(inputs, tuple(names)), ConditionColumns.fit(inputs)
        forest = ExtraTreesRegressor(self.n_trees, max_features=self.share_of_features, random_state=seed)
        forest.fit(conditions.beside(columns(inputs), inputs), targets)
        least_std = LEAST_STD * (float(np.std(targets)) or 1.0)
        return FittedFullForest(columns, FittedForest.from_sklearn(forest, least_std, conditions))


@dataclass(frozen=True, slots=True, eq=False)
class TreeColumns:
    """Columns that the trees split on.

    Attributes:
        blocks: Blocks that are taken as they are, in this order.
        scale: Standardisation of the embedding.
        directions: Its leading directions over the training rows, ``[width, n_directions]``.
    """

    blocks: tuple[str, ...]
    scale: BlockScale
    directions: NDArray[np.float32]

    @classmethod
    def fit(cls, inputs: TransferInputs, blocks: tuple[str, ...]) -> "TreeColumns":
        """Learns directions of the training rows."""
        scale = BlockScale.fit(inputs.blocks[EMBEDDING])
        _, _, rows = np.linalg.svd(_centred(scale, inputs), full_matrices=False)
        return cls(blocks, scale, rows[:_N_DIRECTIONS].T.astype(np.float32))

    def __call__(self, inputs: TransferInputs) -> NDArray[np.float64]:
        """``[n_rows, n_columns]``."""
        # Summed in one order whatever the number of rows: a threshold must not depend on who else is asked.
        places = np.einsum("ij,jk->ik", _centred(self.scale, inputs), self.directions.astype(np.float64))
        return np.concatenate([*(inputs.blocks[name] for name in self.blocks), places], axis=1)


def _centred(scale: BlockScale, inputs: TransferInputs) -> NDArray[np.float64]:
    return scale(inputs.blocks[EMBEDDING]).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class FittedFullForest:
    """A forest and the columns that it reads."""

    columns: TreeColumns
    forest: FittedForest

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Mean of the trees, and their spread."""
        return self.forest.columns.averaged(self._predict, inputs)

    def _predict(self, inputs: TransferInputs) -> TransferPrediction:
        return self.forest.predict_columns(self.forest.columns.beside(self.columns(inputs), inputs))

    def state(self) -> StrategyState:
        """The arrays."""
        state = self.forest.state()
        tensors: dict[str, NDArray[Any]] = {
            "centre": self.columns.scale.centre,
            "factor": self.columns.scale.factor,
            "directions": self.columns.directions,
        }
        settings: Mapping[str, Any] = {"blocks": list(self.columns.blocks)}
        return StrategyState(KIND, {**state.settings, **settings}, {**state.tensors, **tensors})

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedFullForest":
        """Rebuilds an equal predictor. Raises CheckpointError (INVALID_FOREST) where a tree is damaged."""
        scale = BlockScale(state.tensors["centre"], state.tensors["factor"])
        blocks = tuple(str(name) for name in state.settings["blocks"])
        return cls(TreeColumns(blocks, scale, state.tensors["directions"]), FittedForest.restore(state))
