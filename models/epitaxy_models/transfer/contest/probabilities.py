"""Probabilities out of fold: each split's scores go through a link that has seen none of its test rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.classes.link import ProbabilityLink
from epitaxy_models.transfer.contest.cross_validation import CrossValidation, Split

Array = NDArray[np.float64]


def link_of(validation: CrossValidation, labels: Array, splits: Sequence[Split]) -> ProbabilityLink:
    """The link that serves: of all rows, each of which counts once however often it was tested.

    ``labels`` ``[n_rows]`` are 0 or 1, ``splits`` those of the validation.
    """
    tested = np.concatenate([split.test for split in splits])
    return _fit(tested, np.concatenate(validation.values), labels)


def probabilities(validation: CrossValidation, labels: Array, splits: Sequence[Split]) -> tuple[Array, ...]:
    """Probability of a 1 for the test rows of each split, ``[n_test]`` each."""
    tested, scores = np.concatenate([split.test for split in splits]), np.concatenate(validation.values)
    found = []
    for split, own in zip(splits, validation.values, strict=True):
        others = ~np.isin(tested, split.test)
        found.append(_fit(tested[others], scores[others], labels).probabilities(own))
    return tuple(found)


def brier_errors(by_split: Sequence[Array], labels: Array, splits: Sequence[Split]) -> tuple[Array, ...]:
    """Squared differences of probability and label, ``[n_test]`` each. Brier, Monthly Weather Review 78, 1 (1950)."""
    pairs = zip(by_split, splits, strict=True)
    return tuple((given - labels[split.test]) ** 2 for given, split in pairs)


def mean_by_row(by_split: Sequence[Array], splits: Sequence[Split], n_rows: int) -> Array:
    """Mean over the splits that test a row, ``[n_rows]``; NaN for one that none tests."""
    tested = np.concatenate([split.test for split in splits])
    counts = np.bincount(tested, minlength=n_rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(tested, np.concatenate(by_split), n_rows) / counts)


def _fit(tested: NDArray[np.int64], scores: Array, labels: Array) -> ProbabilityLink:
    weights = 1.0 / np.bincount(tested)[tested]
    return ProbabilityLink.fit(scores, labels[tested], weights)
