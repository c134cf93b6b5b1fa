"""Students of another model on the layers of those that exist: a tenant's model, a property of its own.

What a student has learned of compositions and packing serves any property of crystals. Only its last layer is fitted
anew, by ridge regression on the other model's own answers; so a few hundred crystals and a second are enough. Errors
are out of fold, by formula where the caller says which rows belong together.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.search.calibrating import seen_at, standardized
from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.search.network import StudentNetwork
from epitaxy_models.search.students import Stage, Students

Array = NDArray[np.float64]

FEWEST_CRYSTALS = 50
_N_FOLDS = 5
_PENALTIES = 10.0 ** np.arange(-1, 5)
# Logarithms of errors are noisy: their fit is pulled to the mean strongly.
_SCALE_PENALTY = 1e3
_LEAST_ERROR = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class _Ridge:
    """A linear map: ``x @ weights + bias``."""

    weights: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return np.asarray(x @ self.weights + self.bias)


def adapted_students(
    students: Students,
    columns: CandidateColumns,
    wanted: NDArray[np.floating],
    quantities: tuple[tuple[str, str], ...],
    weights_digest: str,
    groups: NDArray[np.integer] | None = None,
) -> Students:
    """Students of another model. Raises ConfigurationError for fewer than 50 crystals, or answers that are not finite.

    Args:
        students: Whose layers are used, and whose known elements hold on.
        columns: Crystals that the other model answered, with volumes; the more like the pools to come, the better.
        wanted: Its answers, ``[n, n_quantities]``.
        quantities: Property and end of each column.
        weights_digest: Names the other model.
        groups: Which crystals are kept together between folds, ``[n]``; by default, each is by itself.
    """
    exact = np.asarray(wanted, dtype=np.float64)
    if len(exact) < FEWEST_CRYSTALS or not np.isfinite(exact).all() or exact.shape != (len(columns), len(quantities)):
        raise ConfigurationError(
            f"students need {FEWEST_CRYSTALS} crystals with finite answers of every quantity: give more than "
            f"{len(exact)}"
        )
    centers, spreads = exact.mean(axis=0), np.maximum(exact.std(axis=0), 1e-9)
    standard = (exact - centers) / spreads
    states = [np.concatenate(students.network.states(seen_at(stage, columns)), axis=1) for stage in Stage]
    mean, std = np.mean(states[1], axis=0), np.maximum(np.std(states[1], axis=0), 1e-3)
    inputs = [(state - mean) / std for state in states]
    folds = _folds(len(exact), groups)
    penalty = min(_PENALTIES, key=lambda one: float(np.mean((_out_of_fold(inputs, standard, folds, one)[1]) ** 2)))
    errors = _out_of_fold(inputs, standard, folds, penalty)
    sizes = np.log(np.maximum(np.abs(errors), _LEAST_ERROR))
    values = _fit(np.concatenate(inputs), np.tile(standard, (len(Stage), 1)), penalty)
    scales = _fit(np.concatenate(inputs), sizes.reshape(-1, standard.shape[1]), _SCALE_PENALTY)
    # Sizes over those that fits without the crystal expect of it.
    surprises = np.exp(np.clip(_out_of_fold(inputs, sizes, folds, _SCALE_PENALTY), -6, 6)) * np.sign(errors)
    tables = [standardized(surprises[stage].astype(np.float32)) for stage in Stage]
    return replace(
        students,
        quantities=quantities,
        network=_with_outputs(students.network, values, scales, mean, std),
        centers=centers.astype(np.float32),
        spreads=spreads.astype(np.float32),
        scale_factors=np.array([factor for factor, _ in tables]),
        residuals=np.array([table for _, table in tables]),
        weights_digest=weights_digest,
    )


def _out_of_fold(inputs: list[Array], wanted: Array, folds: NDArray[np.integer], penalty: float) -> Array:
    """Errors of fits that did not see the fold, by stage, ``[n_stages, n, n_quantities]``.

    ``wanted`` has that shape, or ``[n, n_quantities]`` if it is the same at each stage.
    """
    by_stage = np.broadcast_to(wanted, (len(inputs), *wanted.shape[-2:]))
    errors = np.empty(by_stage.shape)
    for fold in range(_N_FOLDS):
        is_in = folds == fold
        rest = np.concatenate([one[~is_in] for one in inputs])
        ridge = _fit(rest, np.concatenate([one[~is_in] for one in by_stage]), penalty)
        for stage, one in enumerate(inputs):
            errors[stage, is_in] = by_stage[stage, is_in] - ridge(one[is_in])
    return errors


def _fit(x: Array, y: Array, penalty: float) -> _Ridge:
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    centered = x - x_mean
    gram = centered.T @ centered + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, centered.T @ (y - y_mean))
    return _Ridge(weights, y_mean - x_mean @ weights)


def _folds(n: int, groups: NDArray[np.integer] | None) -> NDArray[np.integer]:
    numbers = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    shuffled = np.random.default_rng(0).permutation(int(numbers.max()) + 1)
    return np.asarray(shuffled[numbers] % _N_FOLDS)


def _with_outputs(network: StudentNetwork, values: _Ridge, scales: _Ridge, mean: Array, std: Array) -> StudentNetwork:
    """The network with another last layer; its answer is the mean over members, so each has its share of the sum."""
    n_members = len(network.elements)
    weights = np.concatenate([values.weights, scales.weights], axis=1) / std[:, None]
    bias = np.concatenate([values.bias, scales.bias]) - mean @ weights
    return replace(
        network,
        outputs=(weights * n_members).reshape(n_members, -1, weights.shape[1]).astype(np.float32),
        output_bias=np.tile(bias, (n_members, 1)).astype(np.float32),
    )
