"""One member's part: vectors for one sum after another, from rows that stay."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.federated.model import FederatedModel
from epitaxy_models.federated.networks import first_weights, train_locally
from epitaxy_models.federated.ridge import RandomFeatures, gram_length, gram_vector, solve_ridge
from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.scaling import Scaling, moment_vector, spread_vector
from epitaxy_models.federated.settings import MethodSettings
from epitaxy_models.federated.steps import (
    GRAM,
    LARGEST_CHANGE,
    MOMENTS,
    NETWORKS,
    SPREADS,
    InvalidUpdateError,
    SumStep,
    first_steps,
    later_steps,
    only_step,
)

Array = NDArray[np.float64]
_FARTHEST_TARGET = 20.0
_PUBLIC_TARGET = 1.0
# A Gram matrix of nearly as many features as rows spans the rows themselves.
_ROWS_A_FEATURE = 1.5


@dataclass(slots=True, eq=False)
class MemberLearner:
    """Computes what a member adds, and follows the sums.

    ``vector`` and ``receive`` take turns, step by step; the steps are known once the second sum is.

    Attributes:
        rows: The member's own, features by ``features_of`` and labels scaled to the agreed range.
        settings: Of all members.
        seed: The member's own.
    """

    rows: MemberRows
    settings: MethodSettings
    seed: int
    _moments: Array | None = None
    _scaling: Scaling | None = None
    _weights: Array | None = None
    _grams: Array | None = None
    _folds: NDArray[np.int64] | None = None
    _n_received: int = 0

    def steps(self) -> tuple[SumStep, ...]:
        """All steps that are known by now."""
        if not self.settings.rounds:
            return only_step(self.settings)
        first = first_steps(self.rows.features.shape[1])
        return first if self._scaling is None else (*first, *later_steps(self._scaling.n_inputs, self.settings))

    @property
    def folds(self) -> NDArray[np.int64]:
        """Fold of each row."""
        if self._folds is None:
            self._folds = self.rows.folds(self.settings.n_networks, self.seed)
        return self._folds

    @property
    def scaling(self) -> Scaling:
        """Raises ConfigurationError (ROUND_UNFINISHED) before the second sum."""
        if not self.settings.rounds:
            return Scaling.public(self.rows.features.shape[1])
        if self._scaling is None:
            raise _unfinished()
        return self._scaling

    def vector(self, step: SumStep) -> Array:
        """What the member adds. Raises ConfigurationError (ROUND_UNFINISHED) out of turn."""
        if step.kind == MOMENTS:
            return moment_vector(self.rows)
        if step.kind == SPREADS:
            if self._moments is None:
                raise _unfinished()
            return spread_vector(self.rows, self._moments[1:] / self._moments[0])
        return self._network_vector(int(step.name.partition("-")[2])) if step.kind == NETWORKS else self._gram_vector()

    def receive(self, step: SumStep, total: Array) -> None:
        """Takes in a sum over all members. Raises InvalidUpdateError for one that no rows can give."""
        if step.kind == MOMENTS:
            self._moments = _with_rows(total)
        elif step.kind == SPREADS:
            if self._moments is None:
                raise _unfinished()
            self._scaling = Scaling.of_sums(self._moments, total)
            self._weights = first_weights(self._scaling.n_inputs, self.settings)
        elif step.kind == NETWORKS:
            self._weights = self._after(total)
        elif step.kind == GRAM:
            self._grams = total.reshape(self.settings.n_networks, gram_length(self.settings))
        self._n_received += 1

    def finish(self) -> FederatedModel:
        """The common model, once all sums are in. Raises ConfigurationError (ROUND_UNFINISHED)."""
        if self.settings.rounds and self._n_received < 2 + self.settings.rounds:
            raise _unfinished()
        weights = np.zeros(0) if self._weights is None else self._weights
        features = RandomFeatures.drawn(self.scaling.n_inputs, self.settings)
        if self._grams is None:
            if self.settings.has_ridge or not self.settings.rounds:
                raise _unfinished()
            return FederatedModel(self.settings, self.scaling, weights, features)
        whole = self._grams.sum(axis=0)
        left_out = [solve_ridge(whole - part, self.settings) for part in self._grams]
        ridge = solve_ridge(whole, self.settings)
        return FederatedModel(self.settings, self.scaling, weights, features, ridge, np.array(left_out))

    @property
    def _targets(self) -> Array:
        farthest = _FARTHEST_TARGET if self.settings.rounds else _PUBLIC_TARGET
        return np.clip(self.scaling.standardized_labels(self.rows.labels), -farthest, farthest)

    def _network_vector(self, number: int) -> Array:
        """Change of the weights times the number of rows, and that number."""
        if self._weights is None:
            raise _unfinished()
        inputs = self.scaling.standardized(self.rows.features)
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        after = train_locally(self._weights, inputs, self._targets, self.folds, self.settings, seed)
        return np.append((after - self._weights) * len(self.rows), float(len(self.rows)))

    def _gram_vector(self) -> Array:
        """A Gram matrix of each fold, one after another."""
        enough = _ROWS_A_FEATURE * self.settings.n_random_features
        if self.settings.rounds and self.scaling.n_rows < enough:
            return np.zeros(self.settings.n_networks * gram_length(self.settings))
        features = RandomFeatures.drawn(self.scaling.n_inputs, self.settings)
        of_rows, targets = features(self.scaling.standardized(self.rows.features)), self._targets
        folds = range(self.settings.n_networks)
        return np.concatenate([gram_vector(of_rows[self.folds == k], targets[self.folds == k]) for k in folds])

    def _after(self, total: Array) -> Array:
        """The mean change, weighted by rows. No honest members can make it larger than one member's bound."""
        if self._weights is None:
            raise _unfinished()
        change = total[:-1] / _with_rows(total[-1:])[0]
        if np.abs(change).max(initial=0.0) > LARGEST_CHANGE:
            raise InvalidUpdateError("the sum of the members' changes is larger than any member may change a weight")
        return np.asarray(self._weights + change)


def _with_rows(total: Array) -> Array:
    if not np.isfinite(total).all() or total[0] < 1:
        raise InvalidUpdateError(f"the sum over all members counts {total[0]:g} rows")
    return total


def _unfinished() -> ConfigurationError:
    return ConfigurationError("a sum is asked for out of its turn", reason="ROUND_UNFINISHED")
