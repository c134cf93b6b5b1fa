"""Strategies on labels of which some are bounds.

The default process gets each bound as what it is: a likelihood that is the same everywhere on the possible side (Tobin,
Econometrica 26, 24 (1958)), by expectation propagation (Rasmussen & Williams 2006, sec. 3.6, with a threshold). Other
strategies learn from values: a bound is replaced by the mean of what lies on its possible side, according to the
strategy's own fit to the labels that are values.
"""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_ndtr
from threadpoolctl import threadpool_limits

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.censoring import Side, Sides, sides_of
from epitaxy_models.transfer.strategies.block_gp import BlockGP, FittedBlockGP
from epitaxy_models.transfer.strategies.block_kernel import Rows, covariance_within
from epitaxy_models.transfer.strategies.truncated import truncated_moments
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferPrediction, TransferStrategy

Array = NDArray[np.float64]
KIND = "censored_process"
# Fewer values than this make no first fit: bounds then count as values in it.
_MIN_VALUES = 8
# Fits of weights, lengths and noise: on the values alone, then on draws of the bounds from the fit before.
_N_ROUNDS = 3
_N_SWEEPS, _DAMPING, _CONVERGED = 60, 0.7, 1e-5
# A bound this many standard deviations from what is predicted, on the possible side, is kept 19 times in 20 anyway.
_KEPT_ANYWAY = 1.645
# Least precision of a site, for labels of unit variance: a bound far from all predictions says next to nothing.
_LEAST_PRECISION = 1e-5


def for_censored(strategy: TransferStrategy) -> TransferStrategy:
    """The same strategy, which knows of labels that are bounds."""
    return CensoredProcess(strategy) if isinstance(strategy, BlockGP) else Imputed(strategy)


@dataclass(frozen=True)
class Imputed:
    """A strategy that learns a bound as the mean of what is possible.

    Attributes:
        inner: The strategy.
    """

    inner: TransferStrategy

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.inner.name

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> FittedStrategy:
        """Learns from ``targets`` ``[n_rows]``; ``inputs.sides`` tells which are bounds."""
        sides = sides_of(inputs.sides, len(targets))
        if not sides.any():
            return self.inner.fit(inputs, targets, seed)
        first = self.inner.fit(*_values_alone(inputs, targets, sides), seed)
        prediction = first.predict(inputs)
        means, _ = _possible(prediction, targets, sides)
        return self.inner.fit(inputs, means, seed)


@dataclass(frozen=True)
class CensoredProcess:
    """The default process with bounds in its likelihood.

    Attributes:
        inner: The process; it finds weights, lengths and noise.
    """

    inner: BlockGP

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.inner.name

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> FittedBlockGP:
        """Learns from ``targets`` ``[n_rows]``; ``inputs.sides`` tells which are bounds.

        Weights, lengths and noise are found on bounds replaced by draws from what is possible, not by its mean, which
        would make the noise too small (stochastic EM; Celeux & Diebolt, Comput. Stat. Q. 2, 73 (1985)).
        """
        sides = sides_of(inputs.sides, len(targets))
        if not sides.any():
            return self.inner.fit(inputs, targets, seed)
        fitted = self.inner.fit(*_values_alone(inputs, targets, sides), seed)
        with threadpool_limits(limits=1, user_api="blas"):
            known = _propagated(fitted, inputs, targets, sides)
        for number in range(1, _N_ROUNDS):
            prediction = known.predict_latent(inputs)
            drawn = _drawn(prediction, targets, sides, np.random.default_rng((seed, number)))
            telling = np.flatnonzero(_is_telling(prediction, targets, sides))
            fitted = self.inner.fit(inputs.take(telling), drawn[telling], seed)
            with threadpool_limits(limits=1, user_api="blas"):
                known = _propagated(fitted, inputs, targets, sides)
        return known


@dataclass(frozen=True, eq=False)
class FittedCensoredProcess(FittedBlockGP):
    """A process of which each label has a noise of its own: sites of expectation propagation stand for bounds.

    Attributes:
        noises: Noise variance of each label, for labels of unit variance, ``[n_rows]``.
    """

    noises: Array = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def _solved(self) -> tuple[tuple[Array, bool], Array]:
        """The same as of the plain process, with these noises."""
        total = covariance_within(self.terms, self.parameters, self.rows)
        total[np.diag_indices_from(total)] += self.noises
        factor = cho_factor(total, lower=True)
        return factor, cho_solve(factor, self.labels)

    def predict_latent(self, inputs: TransferInputs) -> TransferPrediction:
        """The process alone, whatever the trust in it: what bounds are drawn from."""
        return _untrusting(self).predict(inputs)

    def state(self) -> StrategyState:
        """The state of the process, and the noises."""
        plain = super().state()
        return StrategyState(KIND, plain.settings, {**plain.tensors, "noises": self.noises})

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedCensoredProcess":
        """Rebuilds an equal predictor."""
        return _with_noises(FittedBlockGP.restore(state), state.tensors["labels"], state.tensors["noises"])


def _with_noises(process: FittedBlockGP, labels: Array, noises: Array, **changes: Any) -> FittedCensoredProcess:
    known = {entry.name: getattr(process, entry.name) for entry in fields(FittedBlockGP)}
    return FittedCensoredProcess(**(known | {"labels": labels, "noises": noises} | changes))


def _untrusting(fitted: FittedCensoredProcess) -> FittedCensoredProcess:
    return _with_noises(fitted, fitted.labels, fitted.noises, trust=1.0)


def _values_alone(inputs: TransferInputs, targets: Array, sides: Sides) -> tuple[TransferInputs, Array]:
    """The rows whose labels are values; all of them where these are too few."""
    values = np.flatnonzero(sides == Side.AT)
    return (inputs.take(values), targets[values]) if len(values) >= _MIN_VALUES else (inputs, targets)


def _ends(targets: Array, sides: Sides) -> tuple[Array, Array]:
    """Between which the truth lies, ``[n_rows]`` each; endless for a value."""
    return np.where(sides == Side.ABOVE, targets, -np.inf), np.where(sides == Side.BELOW, targets, np.inf)


def _possible(prediction: TransferPrediction, targets: Array, sides: Sides) -> tuple[Array, Array]:
    """Labels, and means of what bounds leave possible, with the variances of these, ``[n_rows]`` each."""
    means, variances = truncated_moments(prediction.values, prediction.stds, *_ends(targets, sides))
    return np.where(sides == Side.AT, targets, means), np.where(sides == Side.AT, 0.0, variances)


def _drawn(prediction: TransferPrediction, targets: Array, sides: Sides, random: np.random.Generator) -> Array:
    """Labels, and for bounds a draw from what is possible; of normal shape about its mean, kept on the right side."""
    means, variances = _possible(prediction, targets, sides)
    return np.clip(means + np.sqrt(variances) * random.normal(size=len(means)), *_ends(targets, sides))


def _is_telling(prediction: TransferPrediction, targets: Array, sides: Sides) -> NDArray[np.bool_]:
    """Labels but for bounds that the process keeps anyway: draws of these would be noise of its own making."""
    distances = -sides * (targets - prediction.values) / prediction.stds
    return np.asarray((sides == Side.AT) | (distances < _KEPT_ANYWAY))


@dataclass(frozen=True, slots=True, eq=False)
class _Sites:
    """Normal approximations of the likelihood of each label, as precision and precision times mean, ``[n_rows]``."""

    precisions: Array
    shifts: Array


def _propagated(fitted: FittedBlockGP, inputs: TransferInputs, targets: Array, sides: Sides) -> FittedCensoredProcess:
    """The process with sites for bounds, at the weights, lengths and noise of a fit to values or draws."""
    rows = {name: scale(inputs.blocks[name]) for name, scale in fitted.scales.items()}
    kept = _kept(fitted, rows) | (sides != Side.AT)
    rows = {name: block[kept] for name, block in rows.items()}
    labels = (targets[kept] - fitted.centre) / fitted.spread
    covariance = covariance_within(fitted.terms, fitted.parameters, rows)
    sites = _sites(covariance, labels, sides[kept], float(np.exp(fitted.parameters.log_noise)))
    means = sites.shifts / sites.precisions
    return _with_noises(fitted, means, 1 / sites.precisions, rows=rows)


def _kept(fitted: FittedBlockGP, rows: Rows) -> NDArray[np.bool_]:
    """Rows that the fit learned from: it leaves out labels that would mislead it."""
    names = sorted(rows)
    known = {row.tobytes() for row in np.concatenate([fitted.rows[name] for name in names], axis=1)}
    table = np.concatenate([rows[name] for name in names], axis=1)
    return np.array([row.tobytes() in known for row in table])


def _sites(covariance: Array, labels: Array, sides: Sides, noise: float) -> _Sites:
    """Parallel expectation propagation, damped, until no site moves."""
    is_bound = sides != Side.AT
    precisions = np.where(is_bound, _LEAST_PRECISION, 1 / noise)
    shifts = np.where(is_bound, 0.0, labels / noise)
    for _ in range(_N_SWEEPS):
        means, variances = _marginals(covariance, precisions, shifts)
        wanted = _tilted(means[is_bound], variances[is_bound], precisions[is_bound], shifts[is_bound],
                         labels[is_bound], sides[is_bound], noise)  # fmt: skip
        steps = [_DAMPING * (wanted[0] - precisions[is_bound]), _DAMPING * (wanted[1] - shifts[is_bound])]
        precisions[is_bound] += steps[0]
        shifts[is_bound] += steps[1]
        if max(np.abs(step).max() for step in steps) * noise < _CONVERGED:
            break
    return _Sites(precisions, shifts)


def _marginals(covariance: Array, precisions: Array, shifts: Array) -> tuple[Array, Array]:
    """Posterior means and variances of the process at the labels, ``[n_rows]`` each; ibid., eq. 3.53."""
    root = np.sqrt(precisions)
    inner = root[:, None] * covariance * root
    inner[np.diag_indices_from(inner)] += 1
    factor = cho_factor(inner, lower=True)
    scaled = root[:, None] * covariance
    posterior = covariance - scaled.T @ cho_solve(factor, scaled)
    return posterior @ shifts, np.maximum(np.diag(posterior), 1e-12)


def _tilted(
    means: Array, variances: Array, precisions: Array, shifts: Array, bounds: Array, sides: Sides, noise: float
) -> tuple[Array, Array]:
    """New sites of bounds, from the posterior without each; ibid., eq. 3.58 with the bound as threshold."""
    cavity = np.maximum(1 / variances - precisions, 1e-9)
    middle, spread = (means / variances - shifts) / cavity, 1 / cavity
    total = np.sqrt(noise + spread)
    # The possible side is below a bound for BELOW and above it for ABOVE.
    sign = -sides.astype(np.float64)
    z = sign * (bounds - middle) / total
    ratio = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z))
    new_means = middle - sign * spread * ratio / total
    new_variances = spread - spread**2 * ratio * (z + ratio) / total**2
    new_precisions = np.maximum(1 / np.maximum(new_variances, 1e-12) - cavity, _LEAST_PRECISION)
    return new_precisions, new_means * (new_precisions + cavity) - middle * cavity
