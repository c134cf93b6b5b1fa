"""One member's rows, which never leave it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]
LEAST_ROWS = 12
"""Fewer rows leave folds of one or two, by which nothing can be stacked or calibrated."""


@dataclass(frozen=True, slots=True, eq=False)
class MemberRows:
    """Features and labels.

    Attributes:
        features: Float64 ``[n_rows, n_features]``, finite.
        labels: In the agreed unit, float64 ``[n_rows]``, finite.
        least: Fewest rows that are enough.

    Raises:
        ConfigurationError: TOO_FEW_ROWS, or INVALID_ROWS for other shapes or a number that is not finite.
    """

    features: Array
    labels: Array
    least: int = LEAST_ROWS

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.labels.shape != (len(self.features),):
            raise ConfigurationError("give one label for each row of features", reason="INVALID_ROWS")
        if len(self) < self.least:
            message = f"{len(self)} rows: a member needs at least {self.least}"
            raise ConfigurationError(message, reason="TOO_FEW_ROWS")
        if not (np.isfinite(self.features).all() and np.isfinite(self.labels).all()):
            raise ConfigurationError("a feature or a label is not a finite number", reason="INVALID_ROWS")

    def __len__(self) -> int:
        return len(self.labels)

    def without(self, held: NDArray[np.bool_]) -> "MemberRows":
        """The rows that are not held out, ``[n_rows]`` of them marked. Folds of few rows may leave few."""
        return MemberRows(self.features[~held], self.labels[~held], least=1)

    def folds(self, n_folds: int, seed: int) -> NDArray[np.int64]:
        """A fold for each row, ``[n_rows]``. Rows of equal features share one."""
        _, groups = np.unique(self.features, axis=0, return_inverse=True)
        groups = groups.ravel()
        order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
        sizes, place = np.bincount(groups), np.zeros(len(order), dtype=np.int64)
        filled = np.zeros(n_folds)
        for group in order[np.argsort(-sizes[order], kind="stable")]:
            place[group] = int(np.argmin(filled))
            filled[place[group]] += sizes[group]
        return np.asarray(place[groups])
