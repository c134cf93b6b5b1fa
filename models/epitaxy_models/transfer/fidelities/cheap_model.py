"""A model of a tenant's cheaper values, for structures whose own is unknown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.heads.fidelity_heads import N_FOLDS, FidelityHead, folds_of, head_rows
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.transfer.fidelities.fit_heads import LEAST_ZEROS, HeadRows, ridge
from epitaxy_models.transfer.fidelities.identity_line import robust_line
from epitaxy_models.transfer.inputs import EMBEDDING, FIDELITIES, SUBSTRATE, TransferInputs

Array = NDArray[np.float64]
# Values from which the embedding is read besides: fewer tell only which of the substrate's predictions they follow.
_N_FOR_EMBEDDING = 60
_N_DIRECTIONS = 64
# A cheaper value corrects the shipped estimates of other fidelities if it follows them as closely as this.
_KINSHIP = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class CheapModel:
    """One column: its model, cross-fitted by formula, and how far it may be trusted.

    Attributes:
        name: Name of the column.
        head: Weights by fold of the formulas; a structure is answered by those that did not see its formula.
        n_kin: Leading columns of the shipped estimates that are values of the same quantity; 0 if they are not.
        n_values: Values that it was fitted on.
        mae: Mean absolute error on formulas that it has not seen, in the unit of the values.
    """

    name: str
    head: FidelityHead
    n_kin: int
    n_values: int
    mae: float

    @classmethod
    def fit(cls, name: str, inputs: TransferInputs, values: Array, n_shipped: int, unit: str = "") -> "CheapModel":
        """Learns from known values ``[n_rows]``, all finite; ``n_shipped`` fidelities have shipped estimates."""
        raw = head_rows(inputs.blocks[EMBEDDING], inputs.blocks[SUBSTRATE])
        folds = folds_of(inputs.formulas)
        candidates = list(_heads(raw, inputs.blocks[EMBEDDING].shape[1], values, folds, unit))
        errors = [float(np.abs(head.estimate(raw, folds)[:, 0] - values).mean()) for head in candidates]
        best = int(np.argmin(errors))
        n_kin = n_shipped if n_shipped and _is_kin(inputs, values, n_shipped) else 0
        return cls(name, candidates[best], n_kin, len(values), errors[best])

    def estimate(self, inputs: TransferInputs) -> Array:
        """The cheaper value that the model expects of each structure, ``[n_rows]``."""
        raw = head_rows(inputs.blocks[EMBEDDING], inputs.blocks[SUBSTRATE])
        return np.asarray(self.head.estimate(raw, folds_of(inputs.formulas))[:, 0])

    def settings(self) -> dict[str, Any]:
        """What JSON holds of it."""
        head = self.head
        limits = {"least": head.least, "largest": head.largest, "unit": head.unit}
        return {"name": self.name, "n_kin": self.n_kin, "n_values": self.n_values, "mae": self.mae, **limits}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Its arrays."""
        gate = {} if self.head.gate is None else {"gate": self.head.gate}
        return {"weights": self.head.weights, **gate}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> "CheapModel":
        """Rebuilds an equal model. Raises KeyError or ValueError if something is missing or has another shape."""
        weights, gate = tensors["weights"], tensors.get("gate")
        if weights.ndim != 2 or len(weights) != N_FOLDS or (gate is not None and gate.shape != weights.shape):
            raise ValueError(f"weights of shape {weights.shape} are not those of {N_FOLDS} folds")
        head = FidelityHead(
            Fidelity.PBE, settings["unit"], weights, gate, float(settings["largest"]), float(settings["least"])
        )
        return cls(settings["name"], head, int(settings["n_kin"]), int(settings["n_values"]), float(settings["mae"]))


def _heads(raw: Array, n_embedding: int, values: Array, folds: NDArray[np.int64], unit: str) -> Iterator[FidelityHead]:
    """A line on one of the substrate's predictions; with more values also the embedding, and a gate for zeros."""
    is_positive = bool((values >= 0).all())
    least = 0.0 if is_positive else float(values.min() - np.ptp(values))
    limits = (float(values.max() + 0.1 * np.ptp(values)), least)
    trains = [_train(folds, fold) for fold in range(N_FOLDS)]
    lines = np.stack([_line_weights(raw, n_embedding, values, train) for train in trains])
    yield FidelityHead(Fidelity.PBE, unit, lines.astype(np.float32), None, *limits)
    if len(values) < _N_FOR_EMBEDDING:
        return
    rows = HeadRows.of(raw, n_embedding, _N_DIRECTIONS)
    residuals = [values - raw @ line for line in lines]
    whole = lines + np.stack(
        [
            rows.weights(*ridge(rows.reduced[train], residual[train]))
            for train, residual in zip(trains, residuals, strict=True)
        ]
    )
    yield FidelityHead(Fidelity.PBE, unit, whole.astype(np.float32), None, *limits)
    if is_positive and int((values == 0).sum()) >= LEAST_ZEROS and int((values > 0).sum()) >= LEAST_ZEROS:
        is_above = (values > 0).astype(np.float64)
        gate = np.stack([rows.weights(*ridge(rows.reduced[train], is_above[train])) for train in trains])
        yield FidelityHead(Fidelity.PBE, unit, whole.astype(np.float32), gate, *limits)


def _train(folds: NDArray[np.int64], fold: int) -> NDArray[np.int64]:
    """Rows outside a fold; all of them where a handful of formulas leaves none."""
    rows = np.flatnonzero(folds != fold)
    return rows if len(rows) >= 2 else np.arange(len(folds))


def _line_weights(raw: Array, n_embedding: int, values: Array, train: NDArray[np.int64]) -> Array:
    """Weights of the closest line on one column behind the embedding, ``[width + 1]``."""
    found = []
    for column in range(n_embedding, raw.shape[1] - 1):
        line = robust_line(raw[train, column], values[train])
        error = float(np.abs(line(raw[train, column]) - values[train]).mean())
        found.append((error, column, line))
    _, column, line = min(found, key=lambda entry: entry[0])
    weights = np.zeros(raw.shape[1])
    weights[column], weights[-1] = line.slope, line.intercept
    return weights


def _is_kin(inputs: TransferInputs, values: Array, n_shipped: int) -> bool:
    """Whether the values follow the shipped estimates, so that one says something of the other."""
    if FIDELITIES not in inputs.blocks or len(values) < 3 or np.ptp(values) == 0 or (values < 0).any():
        return False
    columns = inputs.blocks[FIDELITIES][:, :n_shipped]
    return any(np.ptp(column) > 0 and np.corrcoef(column, values)[0, 1] > _KINSHIP for column in columns.T)
