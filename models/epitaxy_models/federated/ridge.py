"""A ridge on random features, from one sum of Gram matrices (Rahimi & Recht, NeurIPS 2007)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.federated.settings import MethodSettings

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RandomFeatures:
    """Random cosines of standardized inputs, and a constant; the same at all members.

    Attributes:
        directions: ``[n_inputs, n_random_features]``.
        phases: ``[n_random_features]``.
    """

    directions: Array
    phases: Array

    @classmethod
    def drawn(cls, n_inputs: int, settings: MethodSettings) -> "RandomFeatures":
        """By the agreed seed; the length scale is the typical distance of two rows."""
        generator = np.random.default_rng([settings.seed, 1])
        n = settings.n_random_features
        return cls(
            generator.standard_normal((n_inputs, n)) / np.sqrt(max(n_inputs, 1)), generator.uniform(0, 2 * np.pi, n)
        )

    def __call__(self, inputs: Array) -> Array:
        """``[n_rows, n_random_features + 1]``; each row is no longer than the root of 3."""
        waves = np.cos(inputs @ self.directions + self.phases) * np.sqrt(2 / len(self.phases))
        return np.column_stack([waves, np.ones(len(inputs))])


def gram_length(settings: MethodSettings) -> int:
    """Length of the Gram matrix of all features and the target, as a triangle."""
    width = settings.n_random_features + 2
    return width * (width + 1) // 2


def gram_vector(features: Array, targets: Array) -> Array:
    """Upper triangle of the Gram matrix of features and targets side by side, ``[gram_length]``."""
    both = np.column_stack([features, targets])
    gram = both.T @ both
    return np.asarray(gram[np.triu_indices(len(gram))])


def solve_ridge(gram: Array, settings: MethodSettings) -> Array:
    """Coefficients ``[n_random_features + 1]`` from the triangle."""
    width = settings.n_random_features + 2
    full = np.zeros((width, width))
    full[np.triu_indices(width)] = gram
    full = full + np.triu(full, 1).T
    penalty = settings.ridge * np.eye(width - 1)
    # A noisy Gram matrix may have eigenvalues below zero: least squares takes what is left.
    return np.asarray(np.linalg.lstsq(full[:-1, :-1] + penalty, full[:-1, -1], rcond=1e-8)[0])
