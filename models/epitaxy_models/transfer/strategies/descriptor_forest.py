"""The baseline that knows no substrate: a forest of randomized trees on descriptors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from epitaxy_models.compiled import compiled
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.inputs import DESCRIPTORS, TransferInputs
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "descriptor_forest"
# Trees agree on the very rows that they have learned; an error as small as that is not to be expected anywhere.
LEAST_STD = 0.05


@dataclass(frozen=True)
class DescriptorForest:
    """Extremely randomized trees on descriptors and conditions (Geurts, Ernst & Wehenkel, Mach. Learn. 63, 3 (2006)).

    Every tree sees all labels: resampling them raised the error by 5 to 12 % at 100 labels.

    Attributes:
        n_trees: Size of the forest.
        share_of_features: Share of the descriptors that a split may choose from.
        name: Of the strategy.
        blocks: Blocks that the trees split on, side by side.
    """

    n_trees: int = 200
    share_of_features: float = 0.3
    name: str = KIND
    blocks: tuple[str, ...] = (DESCRIPTORS,)

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedForest":
        """Learns from ``targets`` ``[n_rows]``."""
        forest = ExtraTreesRegressor(self.n_trees, max_features=self.share_of_features, random_state=seed)
        columns = ConditionColumns.fit(inputs)
        forest.fit(columns.beside(side_by_side(inputs, self.blocks), inputs), targets)
        least_std = LEAST_STD * (float(np.std(targets)) or 1.0)
        return replace(FittedForest.from_sklearn(forest, least_std, columns), blocks=self.blocks)


@dataclass(frozen=True, slots=True, eq=False)
class FittedForest:
    """Trees as arrays, those of all trees one after another; children are counted from the first node of all.

    Attributes:
        roots: First node of each tree, int32 ``[n_trees]``.
        features: Column that a node splits on, -1 at a leaf, int16 ``[n_nodes]``.
        numbers: Threshold of a split, value of a leaf, float64 ``[n_nodes]``.
        children: Nodes for values up to the threshold and above it, int32 ``[n_nodes, 2]``.
        n_features: Width of the block of descriptors and conditions.
        least_std: Smallest expected error.
        columns: Conditions, beside the descriptors.
        blocks: Blocks that the trees split on, side by side.
    """

    roots: NDArray[np.int32]
    features: NDArray[np.int16]
    numbers: Array
    children: NDArray[np.int32]
    n_features: int
    least_std: float
    columns: ConditionColumns = field(default_factory=ConditionColumns)
    blocks: tuple[str, ...] = (DESCRIPTORS,)

    def __post_init__(self) -> None:
        """A damaged tree would send the compiled walk out of its arrays, or round in a circle."""
        n_nodes = len(self.features)
        if self.numbers.shape != (n_nodes,) or self.children.shape != (n_nodes, 2) or not len(self.roots):
            raise CheckpointError(f"arrays of a forest of {n_nodes} nodes disagree in length", reason="INVALID_FOREST")
        splits = np.flatnonzero(self.features >= 0)
        children = self.children[splits]
        is_forward = (children > splits[:, None]) & (children < n_nodes)
        is_root = (self.roots >= 0) & (self.roots < n_nodes)
        if not is_forward.all() or not is_root.all() or self.features.max() >= self.n_features:
            raise CheckpointError("a node of the forest points outside of it or backwards", reason="INVALID_FOREST")

    @classmethod
    def from_sklearn(
        cls, forest: ExtraTreesRegressor, least_std: float, columns: ConditionColumns | None = None
    ) -> "FittedForest":
        """Copies the trees of a fitted scikit-learn forest."""
        trees = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        values = np.concatenate([tree.value[:, 0, 0] for tree in trees])
        thresholds = np.concatenate([tree.threshold for tree in trees])
        pairs = [np.stack([tree.children_left, tree.children_right], axis=1) for tree in trees]
        is_leaf = np.concatenate([pair[:, 0] < 0 for pair in pairs])
        shifted = np.concatenate([pair + root for pair, root in zip(pairs, roots, strict=True)])
        return cls(
            roots=roots.astype(np.int32),
            features=np.where(is_leaf, -1, np.concatenate([tree.feature for tree in trees])).astype(np.int16),
            numbers=np.where(is_leaf, values, thresholds),
            children=np.where(is_leaf[:, None], -1, shifted).astype(np.int32),
            n_features=int(forest.n_features_in_),
            least_std=least_std,
            columns=columns or ConditionColumns(),
        )

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Mean of the trees, and their spread."""
        return self.columns.averaged(self._predict, inputs)

    def _predict(self, inputs: TransferInputs) -> TransferPrediction:
        return self.predict_columns(self.columns.beside(side_by_side(inputs, self.blocks), inputs))

    def predict_columns(self, columns: Array) -> TransferPrediction:
        """The same of the columns ``[n_rows, n_features]`` that it was fitted on."""
        by_tree = self.by_tree(columns)
        return TransferPrediction(by_tree.mean(axis=1), np.hypot(by_tree.std(axis=1), self.least_std))

    def by_tree(self, columns: Array) -> Array:
        """Answer of each tree, ``[n_rows, n_trees]``."""
        # Thresholds were chosen between values in single precision.
        block = columns.astype(np.float32)
        if block.shape[1] != self.n_features:
            raise CheckpointError(
                f"forest of {self.n_features} descriptors, {block.shape[1]} given: fit it anew",
                reason="DESCRIPTORS_CHANGED",
            )
        by_tree: Array = _by_tree(block, self.roots, self.features, self.numbers, self.children)
        return by_tree

    def state(self) -> StrategyState:
        """The arrays."""
        tensors: dict[str, NDArray[Any]] = {
            "roots": self.roots,
            "features": self.features,
            "numbers": self.numbers,
            "children": self.children,
        }
        settings: dict[str, Any] = {"n_features": self.n_features, "least_std": self.least_std}
        # The state of a forest on descriptors alone is the same as it always was.
        if self.blocks != (DESCRIPTORS,):
            settings["split_on"] = list(self.blocks)
        return StrategyState(KIND, settings | self.columns.settings(), tensors | self.columns.tensors())

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedForest":
        """Rebuilds an equal predictor. Raises CheckpointError (INVALID_FOREST) where a tree is damaged."""
        return cls(
            **{name: state.tensors[name] for name in ("roots", "features", "numbers", "children")},
            n_features=int(state.settings["n_features"]),
            least_std=float(state.settings["least_std"]),
            columns=ConditionColumns.restore(state.settings, state.tensors),
            blocks=tuple(str(name) for name in state.settings.get("split_on", (DESCRIPTORS,))),
        )


def side_by_side(inputs: TransferInputs, blocks: Sequence[str]) -> Array:
    """Some blocks as one, ``[n_rows, n_columns]``."""
    return np.concatenate([inputs.blocks[name] for name in blocks], axis=1)


@compiled()
def _by_tree(
    block: NDArray[np.float32],
    roots: NDArray[np.int32],
    features: NDArray[np.int16],
    numbers: Array,
    children: NDArray[np.int32],
) -> Array:
    """Answer of each tree, ``[n_rows, n_trees]``."""
    answers = np.empty((len(block), len(roots)))
    for row in range(len(block)):
        for tree in range(len(roots)):
            node = roots[tree]
            while features[node] >= 0:
                node = children[node, 1 if block[row, features[node]] > numbers[node] else 0]
            answers[row, tree] = numbers[node]
    return answers
