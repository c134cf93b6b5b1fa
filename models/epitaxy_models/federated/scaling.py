"""Means and deviations over all members, from two sums."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.federated.rows import MemberRows

Array = NDArray[np.float64]
_LEAST_DEVIATION = 1e-6
_FARTHEST = 5.0
# Typical of descriptors at the public sizes.
_PUBLIC_DEVIATION = 0.2


def moment_vector(rows: MemberRows) -> Array:
    """Number of rows, sums of the features, sum of the labels, ``[n_features + 2]``."""
    return np.concatenate([[float(len(rows))], rows.features.sum(axis=0), [rows.labels.sum()]])


def spread_vector(rows: MemberRows, means: Array) -> Array:
    """Sums of squares about the common means, of the features and the labels, ``[n_features + 1]``."""
    about = np.column_stack([rows.features, rows.labels]) - means
    return np.asarray((about**2).sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Standardizes features and labels as all members do.

    Attributes:
        n_rows: Rows of all members.
        means: Of features and, last, of labels, ``[n_features + 1]``.
        deviations: The same of standard deviations; 0 of a feature that is the same in all rows.
    """

    n_rows: float
    means: Array
    deviations: Array

    @classmethod
    def of_sums(cls, moments: Array, spreads: Array) -> "Scaling":
        """From the two sums over all members."""
        n_rows = moments[0]
        return cls(float(n_rows), moments[1:] / n_rows, np.sqrt(np.maximum(spreads, 0.0) / n_rows))

    @classmethod
    def public(cls, n_features: int) -> "Scaling":
        """Without a sum: features and labels are of the order of 1 by what was agreed. Counts no rows."""
        return cls(0.0, np.zeros(n_features + 1), np.append(np.full(n_features, _PUBLIC_DEVIATION), 1.0))

    @property
    def n_inputs(self) -> int:
        """Features that differ between rows."""
        return int(self._is_kept.sum())

    @property
    def _is_kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.deviations[:-1] > _LEAST_DEVIATION)

    def standardized(self, features: Array) -> Array:
        """``[n_rows, n_inputs]``, within five deviations of the mean."""
        kept = self._is_kept
        scaled = (features[:, kept] - self.means[:-1][kept]) / self.deviations[:-1][kept]
        return np.clip(scaled, -_FARTHEST, _FARTHEST)

    def standardized_labels(self, labels: Array) -> Array:
        """``[n_rows]``."""
        return np.asarray((labels - self.means[-1]) / self._label_deviation)

    def in_units(self, standardized: Array) -> Array:
        """Labels again."""
        return np.asarray(standardized * self._label_deviation + self.means[-1])

    @property
    def _label_deviation(self) -> float:
        return max(float(self.deviations[-1]), _LEAST_DEVIATION)
