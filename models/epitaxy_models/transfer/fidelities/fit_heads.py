"""Fits the heads of further fidelities: a ridge for the value and, where zeros are common, one for the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from epitaxy_models.heads.fidelity_heads import N_FOLDS, FidelityHead
from epitaxy_models.heads.property import Fidelity

Array = NDArray[np.float64]
# Directions of the embedding that are learned from: they hold 97 % of its variance.
_N_DIRECTIONS = 320
# The substrate's own predictions, over the whole embedding.
_WEIGHT_OF_PREDICTIONS = 3.0
_STRENGTHS = np.logspace(-6, 1, 29)
# A gate needs zeros to learn from.
LEAST_ZEROS = 50
_FLAT = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class HeadRows:
    """Rows as a ridge reads them: few columns, and the way back to weights on what a head reads.

    Attributes:
        reduced: ``[n_rows, n_reduced]``.
        expand: ``[width, n_reduced]``: weights on ``reduced`` times this are weights on the raw columns.
        centre: Means of the raw columns, ``[width]``.
    """

    reduced: Array
    expand: Array
    centre: Array

    @classmethod
    def of(cls, rows: Array, n_embedding: int, n_directions: int = _N_DIRECTIONS) -> "HeadRows":
        """Reduces raw rows ``[n_rows, width + 1]``, as ``head_rows`` gives them; no label enters."""
        raw = rows[:, :-1]
        centre, spread = raw.mean(axis=0), raw.std(axis=0)
        varies = spread > _FLAT * (1 + np.abs(centre))
        factor = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
        factor[:n_embedding] /= np.sqrt(max(int(varies[:n_embedding].sum()), 1))
        factor[n_embedding:] *= _WEIGHT_OF_PREDICTIONS / np.sqrt(max(int(varies[n_embedding:].sum()), 1))
        scaled = (raw - centre) * factor
        n_directions = min(n_directions, n_embedding, len(rows))
        _, _, directions = randomized_svd(scaled[:, :n_embedding], n_directions, n_iter=3, random_state=0)
        expand = np.zeros((raw.shape[1], n_directions + raw.shape[1] - n_embedding))
        expand[:n_embedding, :n_directions] = directions.T
        expand[n_embedding:, n_directions:] = np.eye(raw.shape[1] - n_embedding)
        expand *= factor[:, None]
        return cls((raw - centre) @ expand, expand, centre)

    def weights(self, reduced: Array, intercept: float) -> NDArray[np.float32]:
        """Weights on the raw columns, the intercept last, ``[width + 1]``."""
        raw = self.expand @ reduced
        return np.append(raw, intercept - float(self.centre @ raw)).astype(np.float32)


def fit_head(fidelity: Fidelity, unit: str, rows: HeadRows, labels: Array, folds: NDArray[np.int64]) -> FidelityHead:
    """Fits one head a fold, each on all other folds.

    Args:
        fidelity: Level of theory.
        unit: Unit of the labels.
        rows: ``n_rows`` of them.
        labels: NaN if missing, none below 0, ``[n_rows]``.
        folds: Fold of each row, ``[n_rows]``.
    """
    known = np.isfinite(labels)
    is_gated = int((labels[known] == 0).sum()) >= LEAST_ZEROS
    values, gates = [], []
    for fold in range(N_FOLDS):
        train = known & (folds != fold)
        learned = train & (labels > 0) if is_gated else train
        values.append(rows.weights(*ridge(rows.reduced[learned], labels[learned])))
        if is_gated:
            gates.append(rows.weights(*ridge(rows.reduced[train], (labels[train] > 0).astype(np.float64))))
    gate = np.stack(gates) if is_gated else None
    return FidelityHead(fidelity, unit, np.stack(values), gate, float(labels[known].max()))


def ridge(rows: Array, labels: Array) -> tuple[Array, float]:
    """Weights ``[n_columns]`` and intercept; the strength by generalized cross-validation.

    Golub, Heath & Wahba, Technometrics 21, 215 (1979).
    """
    middle, centre = rows.mean(axis=0), float(labels.mean())
    eigenvalues, vectors = np.linalg.eigh((rows - middle).T @ (rows - middle))
    eigenvalues = np.maximum(eigenvalues, 0.0)
    projected = vectors.T @ ((rows - middle).T @ (labels - centre))
    strengths = _STRENGTHS[:, None] * max(float(eigenvalues[-1]), _FLAT)
    squares = float(((labels - centre) ** 2).sum()) - (
        projected**2 * (eigenvalues + 2 * strengths) / (eigenvalues + strengths) ** 2
    ).sum(axis=1)
    freedom = np.maximum(len(labels) - 1 - (eigenvalues / (eigenvalues + strengths)).sum(axis=1), 1e-3)
    best = float(strengths[int(np.argmin(squares / freedom**2)), 0])
    weights = vectors @ (projected / (eigenvalues + best))
    return weights, centre - float(middle @ weights)


def errors_of(
    predicted: Array, labels: Array, marks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, dict[str, float | int]]:
    """Mean absolute error and number of rows, of all labels and of those under each mark, ``[n_rows]`` each."""
    known = np.isfinite(labels)
    groups: dict[str, NDArray[np.bool_]] = {"all": known} | {name: known & mark for name, mark in marks.items()}
    return {
        name: {"mae": float(np.abs(predicted - labels)[rows].mean()), "n_rows": int(rows.sum())}
        for name, rows in groups.items()
        if rows.any()
    }


def check_labels(columns: Sequence[str], labels: Array) -> None:
    """Raises ValueError if a column has a negative label or too few to learn from, ``[n_rows, n_columns]``."""
    for column, values in zip(columns, labels.T, strict=True):
        known = values[np.isfinite(values)]
        if len(known) < 10 * N_FOLDS or (known < 0).any():
            raise ValueError(f"{column} holds {len(known)} values, the smallest {known.min(initial=0):g}")
