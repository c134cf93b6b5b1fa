"""The common model of a consortium: what every member has after the last sum, and nothing of any one member."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.federated.networks import predict_all
from epitaxy_models.federated.ridge import RandomFeatures
from epitaxy_models.federated.scaling import Scaling
from epitaxy_models.federated.settings import MethodSettings

Array = NDArray[np.float64]
NETWORKS, RIDGE = "networks", "ridge"


@dataclass(frozen=True, slots=True, eq=False)
class FederatedModel:
    """Networks and a ridge.

    Attributes:
        settings: They were fitted with.
        scaling: Of features and labels.
        weights: Of all networks, ``[n_weights]``.
        random_features: Of the ridge.
        ridge: On all rows, ``[n_random_features + 1]``; None if its sums were not opened.
        ridge_without_fold: The same without one fold of every member, ``[n_networks, n_random_features + 1]``.
    """

    settings: MethodSettings
    scaling: Scaling
    weights: Array
    random_features: RandomFeatures
    ridge: Array | None = None
    ridge_without_fold: Array | None = None

    def predict(self, features: Array) -> dict[str, Array]:
        """What each common model says, on the labels' agreed scale, ``[n_rows]`` each."""
        inputs = self.scaling.standardized(features)
        found: dict[str, Array] = {}
        if self.ridge is not None:
            found[RIDGE] = self.scaling.in_units(self.random_features(inputs) @ self.ridge)
        if self.settings.rounds:
            networks = predict_all(self.weights, inputs, self.settings).mean(axis=0)
            found[NETWORKS] = self.scaling.in_units(networks)
        return found

    def predict_out_of_fold(self, features: Array, folds: NDArray[np.int64]) -> dict[str, Array]:
        """The same of a member's own rows, each by the network and the ridge that never saw it."""
        inputs, rows = self.scaling.standardized(features), np.arange(len(features))
        found: dict[str, Array] = {}
        if self.ridge_without_fold is not None:
            ridge = (self.random_features(inputs) * self.ridge_without_fold[folds]).sum(axis=1)
            found[RIDGE] = self.scaling.in_units(ridge)
        if self.settings.rounds:
            networks = predict_all(self.weights, inputs, self.settings)[folds, rows]
            found[NETWORKS] = self.scaling.in_units(networks)
        return found
