"""A small network that tells relaxed crystals from perturbed ones: fitted by scikit-learn, evaluated by numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_HIDDEN = 32
# Standardized features beyond this say no more.
_CLIP = 8.0
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PerturbationProbe:
    """One hidden layer of rectified linear units.

    Attributes:
        offset: Mean of each feature over training crystals, ``[n_features]``.
        scale: Standard deviation of the same.
        hidden: ``[n_features, n_hidden]``.
        hidden_bias: ``[n_hidden]``.
        output: ``[n_hidden]``.
        output_bias: ``[1]``.
    """

    offset: Array
    scale: Array
    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array

    @classmethod
    def fit(cls, relaxed: Array, perturbed: Array) -> "PerturbationProbe":
        """Fits on features ``[n, n_features]`` of both; the same data give the same probe."""
        # Only whoever publishes a model needs it.
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

        offset, scale = relaxed.mean(axis=0), np.maximum(relaxed.std(axis=0), np.float32(1e-6))
        features = _standardized(np.concatenate([relaxed, perturbed]), offset, scale)
        labels = np.repeat((0, 1), (len(relaxed), len(perturbed)))
        network = MLPClassifier((_N_HIDDEN,), alpha=1e-2, early_stopping=True, random_state=0).fit(features, labels)
        (hidden, output), (hidden_bias, output_bias) = network.coefs_, network.intercepts_
        parts = (offset, scale, hidden, hidden_bias, output[:, 0], output_bias)
        return cls(*(np.ascontiguousarray(part, dtype=np.float32) for part in parts))

    def __call__(self, features: Array) -> NDArray[np.float64]:
        """Log-odds that a structure was perturbed, ``[n]``."""
        active = np.maximum(_standardized(features, self.offset, self.scale) @ self.hidden + self.hidden_bias, 0)
        return np.asarray(active @ self.output + self.output_bias[0], dtype=np.float64)


def _standardized(features: Array, offset: Array, scale: Array) -> Array:
    return np.asarray(np.clip((features - offset) / scale, -_CLIP, _CLIP), dtype=np.float32)
