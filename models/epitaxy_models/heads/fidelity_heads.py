"""Light heads for levels of theory that the substrate was not trained on, cross-fitted by formula."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.heads.property import Fidelity

N_FOLDS = 5
# Score from which a value is taken to be above its lower bound, such as a crystal to be no metal.
_GATE = 0.5


def fold_of(formula: str) -> int:
    """Fold of a reduced formula, decided by a hash: the same on every machine."""
    return blake2b(formula.encode(), digest_size=8, person=b"fidelity").digest()[0] % N_FOLDS


def folds_of(formulas: Sequence[str]) -> NDArray[np.int64]:
    """Fold of each row, ``[n_rows]``."""
    return np.array([fold_of(formula) for formula in formulas], dtype=np.int64)


def head_rows(embeddings: NDArray[np.floating[Any]], predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a head reads, ``[n_rows, width + 1]``; the last column is 1.

    Args:
        embeddings: ``[n_rows, ...]``, of all members.
        predictions: The substrate's own, ``[n_rows, n_heads]``; they enter as they are, and cut at 0.
    """
    flat = embeddings.reshape(len(embeddings), prod(embeddings.shape[1:])).astype(np.float64)
    return np.hstack([flat, predictions, np.maximum(predictions, 0.0), np.ones((len(flat), 1))])


@dataclass(frozen=True, slots=True, eq=False)
class FidelityHead:
    """One level of theory.

    Attributes:
        fidelity: The level of theory.
        unit: Unit of its values.
        weights: Linear weights by fold, the intercept last, float32 ``[N_FOLDS, width + 1]``. Those of a fold saw no
            formula of that fold.
        gate: Weights of a score that tells values above 0 from zeros, like ``weights``; None if zeros are rare.
        largest: Largest value that it was fitted on; no estimate goes beyond.
        least: Smallest possible value.
    """

    fidelity: Fidelity
    unit: str
    weights: NDArray[np.float32]
    gate: NDArray[np.float32] | None
    largest: float
    least: float = 0.0

    def estimate(self, rows: NDArray[np.float64], folds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Estimates within ``least`` and ``largest``, and the gate's score if there is one, ``[n_rows, 1 or 2]``."""
        values = np.clip(_linear(rows, self.weights, folds), self.least, self.largest)
        if self.gate is None:
            return values[:, None]
        score = _linear(rows, self.gate, folds)
        return np.stack([np.where(score > _GATE, values, 0.0), np.clip(score, 0.0, 1.0)], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class FidelityHeads:
    """All levels of theory that are shipped with a substrate.

    Attributes:
        heads: One a level of theory.
        weights_digest: Of the substrate that they read.
        record: How they were fitted and how much they err on formulas that they have not seen; plain JSON.
        digest: Of the file of weights.
    """

    heads: tuple[FidelityHead, ...]
    weights_digest: str
    record: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """What each column of ``estimate`` holds: ``HSE06``, or ``HSE06 gate`` for the score of its gate."""
        values = [str(head.fidelity) for head in self.heads]
        return (*values, *(f"{head.fidelity} gate" for head in self.heads if head.gate is not None))

    def estimate(
        self, formulas: Sequence[str], embeddings: NDArray[np.floating[Any]], predictions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Estimates of each fidelity in its unit, then the scores of the gates, ``[n_rows, n_columns]``.

        A structure whose formula the heads were fitted on is answered by those that did not see it.

        Args:
            formulas: Reduced formulas.
            embeddings: ``[n_rows, n_members, embedding_width]``.
            predictions: The substrate's own, ``[n_rows, n_heads]``.
        """
        rows, folds = head_rows(embeddings, predictions), folds_of(formulas)
        parts = [head.estimate(rows, folds) for head in self.heads]
        return np.hstack([*(part[:, :1] for part in parts), *(part[:, 1:] for part in parts)])


def _linear(rows: NDArray[np.float64], weights: NDArray[np.float32], folds: NDArray[np.int64]) -> NDArray[np.float64]:
    values = np.empty(len(rows))
    for fold in np.unique(folds):
        chosen = folds == fold
        values[chosen] = rows[chosen] @ weights[fold].astype(np.float64)
    return values
