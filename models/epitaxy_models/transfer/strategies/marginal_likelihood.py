"""Weights, lengths and noise of a block kernel by marginal likelihood under weak priors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.optimize import minimize

from epitaxy_models.transfer.strategies.block_kernel import KernelParameters, KernelTerm, Rows

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KernelPrior:
    """What is believed before any label, for labels of unit variance and rows about root 2 apart.

    Attributes:
        weight_rate: Rate of the exponential prior of every weight: a block that does not help is better at nothing.
        log_length: Centre of the log-normal prior of lengths, and its spread.
        log_noise: Centre of the log-normal prior of the noise variance, and its spread.
    """

    weight_rate: float = 1.0
    log_length: tuple[float, float] = (0.3, 0.7)
    log_noise: tuple[float, float] = (-2.0, 1.5)


_WEIGHT_BOUNDS, _LENGTH_BOUNDS, _NOISE_BOUNDS = (-14.0, 5.0), (-2.5, 4.0), (-10.0, 1.5)


class PosteriorObjective:
    """Negative logarithm of marginal likelihood times prior, with its gradient."""

    def __init__(
        self,
        terms: Sequence[KernelTerm],
        rows: Rows,
        labels: Array,
        prior: KernelPrior,
        least_noise: float = 0.0,
        known_noise: Array | None = None,
    ) -> None:
        """``labels`` ``[n_rows]`` are centred and of unit scale; their noise variance is at least ``least_noise``.

        ``known_noise`` ``[n_rows]`` is variance that each label has besides.
        """
        self._least_noise = least_noise
        self._known_noise = np.zeros(len(labels)) if known_noise is None else known_noise
        self._terms, self._labels, self._prior = terms, labels, prior
        self._measured = [term.measure_within(rows) for term in terms]
        self._has_length = np.array([term.shape.has_length for term in terms])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the vector that is searched: weights, lengths of the terms that have one, noise."""
        n_lengths = int(self._has_length.sum())
        low, high = _NOISE_BOUNDS
        if self._least_noise > 0:
            low = float(np.clip(np.log(self._least_noise), low, high))
        return [_WEIGHT_BOUNDS] * len(self._terms) + [_LENGTH_BOUNDS] * n_lengths + [(low, high)]

    @property
    def of_pure_noise(self) -> float:
        """Value for labels that are noise of unit variance and nothing else."""
        return 0.5 * float(self._labels @ self._labels)

    def unpack(self, vector: Array) -> KernelParameters:
        """The parameters that a vector stands for."""
        n_terms = len(self._terms)
        lengths = np.zeros(n_terms)
        lengths[self._has_length] = vector[n_terms:-1]
        return KernelParameters(tuple(vector[:n_terms].tolist()), tuple(lengths.tolist()), float(vector[-1]))

    def pack(self, parameters: KernelParameters) -> Array:
        """The vector of some parameters."""
        lengths = np.array(parameters.log_lengths)[self._has_length]
        return np.concatenate([parameters.log_weights, lengths, [parameters.log_noise]])

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """Value and gradient; Rasmussen & Williams 2006, eq. 5.8 and 5.9."""
        parameters = self.unpack(vector)
        covariances, slopes = self._covariances(parameters)
        noise = float(np.exp(parameters.log_noise))
        total = np.sum(covariances, axis=0)
        total[np.diag_indices_from(total)] += noise + self._known_noise
        value, inner = self._likelihood(total)
        weights = [0.5 * np.vdot(inner, part) for part in covariances]
        lengths = [0.5 * np.vdot(inner, part) for part in slopes]
        gradient = np.array([*weights, *lengths, 0.5 * noise * np.trace(inner)])
        penalty, slope = self._penalty(parameters)
        return value + penalty, gradient + slope

    def _covariances(self, parameters: KernelParameters) -> tuple[list[Array], list[Array]]:
        covariances, slopes = [], []
        settings = zip(self._terms, self._measured, parameters.log_weights, parameters.log_lengths, strict=True)
        for term, measured, log_weight, log_length in settings:
            covariance, slope = term.with_slope(measured, log_length)
            covariances.append(np.exp(log_weight) * covariance)
            if slope is not None:
                slopes.append(np.exp(log_weight) * slope)
        return covariances, slopes

    def _likelihood(self, total: Array) -> tuple[float, Array]:
        """Negative log-likelihood, and twice its derivative by the covariance."""
        factor, is_lower = cho_factor(total, lower=True, overwrite_a=True, check_finite=False)
        alpha = cho_solve((factor, is_lower), self._labels, check_finite=False)
        value = 0.5 * self._labels @ alpha + np.log(np.diag(factor)).sum()
        inverse, _ = lapack.dpotri(factor, lower=True)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        return float(value), inverse - np.outer(alpha, alpha)

    def _penalty(self, parameters: KernelParameters) -> tuple[float, Array]:
        weights = self._prior.weight_rate * np.exp(np.array(parameters.log_weights))
        centre, spread = self._prior.log_length
        lengths = (np.array(parameters.log_lengths)[self._has_length] - centre) / spread
        middle, width = self._prior.log_noise
        noise = (parameters.log_noise - middle) / width
        value = weights.sum() + 0.5 * (lengths @ lengths) + 0.5 * noise**2
        return float(value), np.concatenate([weights, lengths / spread, [noise / width]])


def maximize(
    objective: PosteriorObjective, starts: Iterable[KernelParameters], n_steps: int
) -> list[tuple[float, KernelParameters]]:
    """Local optima reached from each start, the best first, each with its objective."""
    found = []
    for start in starts:
        result = minimize(
            objective,
            objective.pack(start),
            jac=True,
            method="L-BFGS-B",
            bounds=objective.bounds,
            options={"maxiter": n_steps},
        )
        found.append((float(result.fun), objective.unpack(result.x)))
    return sorted(found, key=lambda entry: entry[0])
