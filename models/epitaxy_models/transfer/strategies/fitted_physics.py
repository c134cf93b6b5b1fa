"""Processes of a law's parameters after their fit: what they say of a structure, at any condition."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.physics.catalogue import law_of_settings
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.strategies.block_kernel import KernelParameters, Rows, Shape
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.law_basis import LawBasis, basis_block, conditions_of, scaled_rows
from epitaxy_models.transfer.strategies.law_terms import ALL, LawTerm
from epitaxy_models.transfer.strategies.truncated import truncated_moments
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "physics_process"


@dataclass(frozen=True, slots=True, eq=False)
class LawPosterior:
    """What is known of the parameters of each structure, in the law's units and within its bounds.

    Attributes:
        means: ``[n_rows, n_parameters]``.
        covariances: ``[n_rows, n_parameters, n_parameters]``.
    """

    means: Array
    covariances: Array

    @property
    def stds(self) -> Array:
        """Standard deviations, ``[n_rows, n_parameters]``."""
        return np.sqrt(np.maximum(np.diagonal(self.covariances, axis1=1, axis2=2), 0.0))


@dataclass(frozen=True, eq=False)
class FittedPhysicsProcess:
    """The processes after their fit.

    Attributes:
        law: The law.
        scale: From plain values to the scale of the fit.
        basis: Its centred basis.
        terms: Terms of the covariance, of all parameters.
        parameters: Their weights, lengths and the noise.
        scales: Standardisation by block.
        rows: Scaled training rows by block, bases included.
        labels: Residuals on the straight scale about what all structures share, scaled, ``[n_labels]``.
        means: Parameters that all structures share, centred, ``[n_parameters]``.
        spread: Scale of the residuals.
        usual: Conditions at which a row without one is answered, ``[n_usual]``.
    """

    law: PhysicsLaw
    scale: LabelScale
    basis: LawBasis
    terms: tuple[LawTerm, ...]
    parameters: KernelParameters
    scales: Mapping[str, BlockScale]
    rows: Rows
    labels: Array
    means: Array
    spread: float
    usual: Array

    @cached_property
    def _solved(self) -> tuple[tuple[Array, bool], Array]:
        settings = zip(self.terms, self.parameters.log_weights, self.parameters.log_lengths, strict=True)
        total = np.zeros((len(self.labels), len(self.labels)))
        for term, weight, length in settings:
            total += np.exp(weight) * term.with_slope(term.measure_within(self.rows), length)[0]
        total[np.diag_indices_from(total)] += np.exp(self.parameters.log_noise)
        factor = cho_factor(total, lower=True)
        return factor, cho_solve(factor, self.labels)

    def posterior(self, inputs: TransferInputs) -> LawPosterior:
        """The parameters of each row's structure, whatever its conditions."""
        means, covariances = self._centred(inputs)
        matrix = self.basis.to_law
        return LawPosterior(means @ matrix.T, matrix @ covariances @ matrix.T)

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Values and standard deviations of a new label, noise included.

        A row without its condition is answered by the mixture over the conditions that the labels had.
        """
        means, covariances = self._centred(inputs)
        conditions = conditions_of(self.law, inputs)
        is_known = np.isfinite(self.law.basis(conditions)).all(axis=1)
        asked = [np.where(is_known, conditions, usual) for usual in self.usual]
        found = [self._at(means, covariances, one) for one in (asked if not is_known.all() else asked[:1])]
        values = np.stack([entry.values for entry in found])
        variances = np.stack([entry.stds**2 for entry in found]).mean(axis=0) + values.var(axis=0)
        return TransferPrediction(values.mean(axis=0), np.sqrt(variances))

    def _at(self, means: Array, covariances: Array, conditions: Array) -> TransferPrediction:
        columns = self.basis(self.law, conditions)
        straight = (columns * means).sum(axis=1)
        variances = np.einsum("ip,ipq,iq->i", columns, covariances, columns)
        stds = np.sqrt(np.maximum(variances, 0.0) + self.spread**2 * np.exp(self.parameters.log_noise))
        ends = (straight, straight - stds, straight + stds)
        value, low, high = (self.scale.targets(self.law.value(end, conditions)) for end in ends)
        # An end that a bound has cut says nothing of how wide the other side is.
        reach = np.maximum(np.abs(high - low) / 2, np.maximum(np.abs(high - value), np.abs(value - low)) / 2)
        return TransferPrediction(value, np.maximum(reach, 1e-9 * (1 + np.abs(value))))

    def _centred(self, inputs: TransferInputs) -> tuple[Array, Array]:
        """Means ``[n_rows, n_parameters]`` and covariances of the centred parameters, within their bounds."""
        blocks = {name: inputs.blocks[name] for name in self.scales}
        rows = scaled_rows(self.scales, blocks, np.ones((inputs.n_rows, len(self.means))))
        factor, alpha = self._solved
        crosses, owns = zip(*(self._of_parameter(number, rows) for number in range(len(self.means))), strict=True)
        solved = [cho_solve(factor, cross.T) for cross in crosses]
        means = self.means + self.spread * np.stack([cross @ alpha for cross in crosses], axis=1)
        known = np.stack(
            [np.stack([np.einsum("ij,ji->i", cross, one) for one in solved], axis=1) for cross in crosses], axis=1
        )
        prior = np.zeros_like(known)
        for number, own in enumerate(owns):
            prior[:, number, number] = own
        return self._within_bounds(means, self.spread**2 * (prior - known))

    def _of_parameter(self, number: int, rows: Rows) -> tuple[Array, Array]:
        """Prior covariance of one parameter of new rows with the labels, and its own prior variance."""
        basis = self.rows[basis_block(number)][:, 0].astype(np.float64)
        cross, own = np.zeros((len(rows[ALL]), len(self.labels))), np.zeros(len(rows[ALL]))
        settings = zip(self.terms, self.parameters.log_weights, self.parameters.log_lengths, strict=True)
        for term, weight, length in settings:
            if term.basis == basis_block(number):
                measured = term.of_structures(rows, self.rows)
                cross += np.exp(weight) * term.covariance_of_structures(measured, length)
                own += np.exp(weight) * term.covariance_of_structures(term.own_of_structures(rows), length)
        return cross * basis, own

    def _within_bounds(self, means: Array, covariances: Array) -> tuple[Array, Array]:
        """Moments after every bounded parameter is cut at its bounds, one after the other; the others follow it."""
        for number, parameter in enumerate(self.law.parameters):
            if np.isinf(parameter.lower) and np.isinf(parameter.upper):
                continue
            low, high = parameter.lower * self.basis.scales[number], parameter.upper * self.basis.scales[number]
            variance = np.maximum(covariances[:, number, number], 1e-12 * self.spread**2)
            mean, cut = truncated_moments(means[:, number], np.sqrt(variance), low, high)
            gains = covariances[:, :, number] / variance[:, None]
            means = means + gains * (mean - means[:, number])[:, None]
            covariances = covariances - gains[:, :, None] * gains[:, None, :] * (variance - cut)[:, None, None]
            means[:, number] = np.clip(mean, low, high)
        return means, covariances

    def state(self) -> StrategyState:
        """Law, terms and parameters as settings, rows and scales as tensors."""
        settings: dict[str, Any] = {
            "law": dict(self.law.settings()),
            "scale": dict(self.scale.as_json()),
            "terms": [[term.block, str(term.shape), term.basis, term.is_own] for term in self.terms],
            "log_weights": list(self.parameters.log_weights),
            "log_lengths": list(self.parameters.log_lengths),
            "log_noise": self.parameters.log_noise,
            "has_gaps": {name: scale.has_gaps for name, scale in self.scales.items()},
            "spread": self.spread,
        }
        tensors: dict[str, NDArray[Any]] = {
            "labels": self.labels,
            "means": self.means,
            "usual": self.usual,
            "basis.centres": self.basis.centres,
            "basis.scales": self.basis.scales,
        }
        tensors |= {f"rows.{name}": block for name, block in self.rows.items()}
        for name, scale in self.scales.items():
            tensors |= {f"centre.{name}": scale.centre, f"factor.{name}": scale.factor}
        return StrategyState(KIND, settings, tensors)

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedPhysicsProcess":
        """Rebuilds an equal predictor."""
        settings, tensors = state.settings, state.tensors
        scales = {
            name: BlockScale(tensors[f"centre.{name}"], tensors[f"factor.{name}"], has_gaps)
            for name, has_gaps in settings["has_gaps"].items()
        }
        return cls(
            law=law_of_settings(settings["law"]),
            scale=LabelScale.from_json(settings["scale"]),
            basis=LawBasis(tensors["basis.centres"], tensors["basis.scales"]),
            terms=tuple(
                LawTerm(block, Shape(shape), basis=basis, is_own=own) for block, shape, basis, own in settings["terms"]
            ),
            parameters=KernelParameters(
                tuple(settings["log_weights"]), tuple(settings["log_lengths"]), settings["log_noise"]
            ),
            scales=scales,
            rows={name.removeprefix("rows."): block for name, block in tensors.items() if name.startswith("rows.")},
            labels=tensors["labels"],
            means=tensors["means"],
            spread=settings["spread"],
            usual=tensors["usual"],
        )
