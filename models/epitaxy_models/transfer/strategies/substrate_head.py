"""The substrate's own answer, unchanged: labels choose the head at most, and change nothing that it says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.laws import LawColumn, law_columns
from epitaxy_models.transfer.strategies.substrate_line import STD_OF_MEAN_ERROR, FittedLine, Law

Array = NDArray[np.float64]
KIND = "substrate_head"


@dataclass(frozen=True)
class SubstrateHead:
    """The head, or the shipped model of another fidelity, that errs least on the labels.

    Attributes:
        kin: Columns that state the labels' own quantity on the scale of the fit. Without any, a column counts that
            errs less than the median of the labels does.
        name: Name of the strategy.
    """

    kin: tuple[LawColumn, ...] = ()
    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> FittedLine:
        """Chooses by ``targets`` ``[n_rows]``. Raises ValueError where nothing states the quantity of the labels."""
        columns = [column for column in self.kin if column in law_columns(inputs)] or list(law_columns(inputs))
        errors = [float(np.mean(np.abs(column.read(inputs) - targets))) for column in columns]
        best = int(np.argmin(errors)) if columns else -1
        if not columns or (not self.kin and errors[best] >= _error_of_median(targets)):
            raise ValueError("no head of the substrate states this quantity in its unit")
        least = 1e-6 * (float(np.std(targets)) or 1.0)
        return FittedLine((Law(columns[best], 0.0, 1.0, max(STD_OF_MEAN_ERROR * errors[best], least)),))


def _error_of_median(targets: Array) -> float:
    return float(np.mean(np.abs(targets - np.median(targets))))
