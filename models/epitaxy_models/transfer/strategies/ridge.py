"""Frozen embedding and a linear readout."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import EMBEDDING, TransferInputs
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "embedding_ridge"
# Strengths over the largest eigenvalue of the Gram matrix, so that they fit any number of rows.
_STRENGTHS = np.logspace(-5, 2, 43)


@dataclass(frozen=True)
class EmbeddingRidge:
    """Ridge regression on the frozen embedding and conditions, its strength by generalized cross-validation.

    Golub, Heath & Wahba, Technometrics 21, 215 (1979).

    Attributes:
        name: Name of the strategy.
    """

    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedRidge":
        """Learns from ``targets`` ``[n_rows]``."""
        block = inputs.blocks[EMBEDDING]
        scale = BlockScale.fit(block)
        columns = ConditionColumns.fit(inputs)
        rows = columns.beside(scale(block), inputs).astype(np.float64)
        middle = rows.mean(axis=0)
        centre = float(targets.mean())
        eigenvalues, vectors = _spectrum(rows - middle)
        projected = vectors.T @ (targets - centre)
        strength, std = _strength(eigenvalues, projected, targets - centre)
        weights = (rows - middle).T @ (vectors @ (projected / (eigenvalues + strength)))
        known = (rows - middle).T @ (vectors / np.sqrt(strength * (eigenvalues + strength)))
        return FittedRidge(
            scale, weights, centre - float(middle @ weights), middle, known.astype(np.float32), strength, std, columns
        )


def _spectrum(rows: Array) -> tuple[Array, Array]:
    """Eigenvalues of the Gram matrix that are above rounding, and their vectors."""
    eigenvalues, vectors = np.linalg.eigh(rows @ rows.T)
    is_kept = eigenvalues > 1e-7 * max(eigenvalues[-1], 1e-12)
    return eigenvalues[is_kept], vectors[:, is_kept]


def _strength(eigenvalues: Array, projected: Array, residual: Array) -> tuple[float, float]:
    """Strength of the lowest GCV score, and the standard deviation of the noise there."""
    n = len(residual)
    outside = max(float(residual @ residual - projected @ projected), 0.0)
    largest = float(eigenvalues.max(initial=1e-12))
    kept = _STRENGTHS[:, None] / (eigenvalues / largest + _STRENGTHS[:, None])
    # One degree of freedom went into the mean.
    freedom = np.maximum(kept.sum(axis=1) + (n - 1 - len(eigenvalues)), 1e-3)
    squares = outside + ((kept * projected) ** 2).sum(axis=1)
    best = int(np.argmin(squares / freedom**2))
    return float(largest * _STRENGTHS[best]), float(np.sqrt(squares[best] / freedom[best]))


@dataclass(frozen=True, slots=True, eq=False)
class FittedRidge:
    """A linear function of the scaled embedding.

    Attributes:
        scale: Standardisation of the embedding.
        weights: ``[width]``.
        intercept: Value at the scaled embedding 0.
        middle: Mean of the scaled training rows, ``[width]``.
        known: Directions that the training rows determine, float32 ``[width, n_kept]``.
        strength: Strength of the penalty.
        std: Standard deviation of the noise.
        columns: Conditions, beside the embedding.
    """

    scale: BlockScale
    weights: Array
    intercept: float
    middle: Array
    known: NDArray[np.float32]
    strength: float
    std: float
    columns: ConditionColumns = field(default_factory=ConditionColumns)

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Values, and errors that grow away from the training rows: those of the equal Gaussian process."""
        return self.columns.averaged(self._predict, inputs)

    def _predict(self, inputs: TransferInputs) -> TransferPrediction:
        rows = self.columns.beside(self.scale(inputs.blocks[EMBEDDING]), inputs).astype(np.float64)
        offset = rows - self.middle
        unknown = (offset**2).sum(axis=1) / self.strength - ((offset @ self.known) ** 2).sum(axis=1)
        stds = self.std * np.sqrt(1 + np.maximum(unknown, 0.0))
        return TransferPrediction(rows @ self.weights + self.intercept, stds)

    def state(self) -> StrategyState:
        """Weights and scales as tensors."""
        tensors: dict[str, NDArray[Any]] = {
            "weights": self.weights,
            "middle": self.middle,
            "known": self.known,
            "centre": self.scale.centre,
            "factor": self.scale.factor,
        }
        settings = {"intercept": self.intercept, "strength": self.strength, "std": self.std}
        return StrategyState(KIND, settings | self.columns.settings(), tensors | self.columns.tensors())

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedRidge":
        """Rebuilds an equal predictor."""
        settings, tensors = state.settings, state.tensors
        return cls(
            scale=BlockScale(tensors["centre"], tensors["factor"]),
            weights=tensors["weights"],
            intercept=settings["intercept"],
            middle=tensors["middle"],
            known=tensors["known"],
            strength=settings["strength"],
            std=settings["std"],
            columns=ConditionColumns.restore(settings, tensors),
        )
