"""What the other labels say of each label: a small process on formula and the substrate's answers.

It needs NumPy alone, and nothing that a server does not answer: a job and ``epitaxy finetune audit``, which may run far
from any weights, ask the very same function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.formulas import compositions

Array = NDArray[np.float64]

# Noise variances, and weights of the substrate's answers and of the formula, that are tried on labels of unit variance.
_NOISES = (0.03, 0.3, 1.0)
_SHARES = ((1.0, 0.3), (0.3, 1.0))
# Falls to one third between two compounds that share no element.
_FORMULA_RATE = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """Similarity of rows, ``[n_rows, n_rows]`` each.

    Attributes:
        by_answers: By what the substrate predicts for them; the diagonal is near one.
        by_formula: By their elements, from 0 to 1.
    """

    by_answers: Array
    by_formula: Array

    @classmethod
    def lazily(cls, formulas: Sequence[str], answers: Sequence[Array]) -> "Callable[[], Similarity]":
        """The same as `of`, computed once, and only if it is asked for."""
        return cache(lambda: cls.of(formulas, answers))

    @classmethod
    def of(cls, formulas: Sequence[str], answers: Sequence[Array]) -> "Similarity":
        """Of rows with these formulas; each of the ``answers`` is one property ``[n_rows]``."""
        table = np.array([np.asarray(values, dtype=np.float64) for values in answers]).reshape(-1, len(formulas)).T
        spread = table.std(axis=0, keepdims=True)
        scaled = (table - table.mean(axis=0, keepdims=True)) / np.where(spread > 0, spread, 1.0)
        shares = compositions(formulas)
        norms = (shares**2).sum(axis=1)
        distances = np.maximum(norms[:, None] + norms - 2 * shares @ shares.T, 0.0)
        return cls(scaled @ scaled.T / max(1, table.shape[1]), np.exp(-_FORMULA_RATE * distances))


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """How far labels lie from what the others say.

    Attributes:
        left_out: Of the labels that were fitted, each predicted without itself, ``[n_others]``.
        of_doubted: Of the labels in doubt, predicted by the others, ``[n_doubted]``.
    """

    left_out: Array
    of_doubted: Array

    @property
    def mean_error(self) -> float:
        """Mean absolute error of the labels that were fitted."""
        return float(np.abs(self.left_out).mean())


def residuals_without(
    labels: Array, doubted: NDArray[np.int64], others: NDArray[np.int64], similarity: Similarity
) -> Residuals:
    """Residuals about whichever process explains the other labels best; the plain median is one of them.

    Args:
        labels: On the scale to judge on, ``[n_rows]``.
        doubted: Rows that must not speak for themselves.
        others: Rows to fit on.
        similarity: Of all rows.

    Leave-one-out residuals in closed form: Rasmussen & Williams 2006, eq. 5.12.
    """
    centre = float(np.median(labels[others]))
    values, asked = labels[others] - centre, labels[doubted] - centre
    found = [Residuals(values, asked)]
    for by_answers, by_formula in _SHARES:
        total = by_answers * similarity.by_answers + by_formula * similarity.by_formula
        within, across = total[np.ix_(others, others)], total[np.ix_(doubted, others)]
        for noise in _NOISES:
            inverse = np.linalg.inv(within + noise * np.eye(len(others)))
            weights = inverse @ values
            found.append(Residuals(weights / np.diag(inverse), asked - across @ weights))
    return min(found, key=lambda entry: entry.mean_error)
