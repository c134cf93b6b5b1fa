"""The process of fine-tuning over a pool: joint posteriors, updated at once by every result.

The true value of a candidate is ``f(features) + own``: what the blocks say and an effect of its own. A reading adds
noise. How far readings repeat is known from repeats or from stated deviations; only where it is not, the part of the
labels' variance that no block explains is shared between the two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.readings import Readings
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, EMBEDDING, FRACTIONS, PAIRS, TRACES
from epitaxy_models.transfer.strategies.block_kernel import (
    KernelParameters,
    KernelTerm,
    Rows,
    Shape,
    covariance_between,
    covariance_within,
    prior_variances,
)
from epitaxy_models.transfer.strategies.condition_terms import condition_terms, restored_term
from epitaxy_models.transfer.strategies.marginal_likelihood import KernelPrior, PosteriorObjective, maximize

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Beyond so many labels a linear term of every block costs accuracy (`BlockGP.n_linear_max`).
_N_LINEAR = 80
_WIDE = frozenset({DESCRIPTORS, EMBEDDING, FRACTIONS, TRACES, PAIRS})
_N_SEARCH, _STEPS_FIRST, _STEPS_AGAIN = 128, 40, 12
# Share of the unexplained variance that is a candidate's own if nothing tells how far readings repeat.
_OWN_SHARE = 0.5
# Logarithm of a weight that moves nothing.
_SILENT = -20.0
# Deviation, over the size of the values, of labels that never stray.
_EXACT = 1e-6


@dataclass(frozen=True, eq=False)
class PoolProcess:
    """A Gaussian process on the blocks of a pool, conditioned on readings.

    Attributes:
        pool: Features of all candidates.
        terms: Terms of the covariance.
        parameters: Their weights and lengths, and the variance that they leave.
        readings: What it knows.
        centre: What it predicts where no block says anything, over the anchor.
        spread: Scale of the labels about the anchor.
        anchor: Prior mean of each candidate on the scale of the fit, ``[n_candidates]``; None: 0 everywhere.
    """

    pool: PoolBlocks
    terms: tuple[KernelTerm, ...]
    parameters: KernelParameters
    readings: Readings
    centre: float
    spread: float
    anchor: Array | None = None

    @classmethod
    def fit(
        cls,
        pool: PoolBlocks,
        readings: Readings,
        seed: int,
        start: KernelParameters | None = None,
        anchor: Array | None = None,
    ) -> "PoolProcess":
        """Hyper-parameters by marginal likelihood, from ``start`` alone if it is given and has as many terms."""
        terms = tuple(_terms(sorted(pool.blocks), len(readings.values)))
        over = readings.values if anchor is None else readings.values - anchor[readings.candidates]
        centre = float(np.median(over))
        spread = float(np.sqrt(np.mean((over - centre) ** 2))) or 1.0
        labels = (over - centre) / spread
        chosen = np.sort(np.random.default_rng(seed).permutation(len(labels))[:_N_SEARCH])
        with threadpool_limits(limits=1, user_api="blas"):
            rows = pool.rows(readings.candidates[chosen])
            known = readings.noise[chosen] / spread**2
            objective = PosteriorObjective(terms, rows, labels[chosen], KernelPrior(), known_noise=known)
            if start is not None and len(start.log_weights) == len(terms):
                parameters = maximize(objective, [start], _STEPS_AGAIN)[0][1]
            else:
                parameters = maximize(objective, _starts(terms), _STEPS_FIRST)[0][1]
        return cls(pool, terms, parameters, readings, centre, spread, anchor)

    @classmethod
    def restore(cls, pool: PoolBlocks, record: Mapping[str, Any], anchor: Array | None = None) -> "PoolProcess":
        """From what ``Belief.state`` keeps of it; without readings."""
        terms = tuple(restored_term(*term) for term in record["terms"])
        parameters = KernelParameters(
            tuple(record["log_weights"]), tuple(record["log_lengths"]), float(record["log_noise"])
        )
        empty = Readings(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
        return cls(pool, terms, parameters, empty, float(record["centre"]), float(record["spread"]), anchor)

    def updated(self, readings: Readings) -> "PoolProcess":
        """The same hyper-parameters, other readings."""
        return replace(self, readings=readings)

    def silenced(self) -> "PoolProcess":
        """The anchor as it stands, or the mean of the labels where there is none: no block moves it."""
        over = self.over_anchor
        centre = 0.0 if self.anchor is not None else float(over.mean())
        spread = max(float(np.sqrt(np.mean((over - centre) ** 2))), _EXACT * (1 + abs(centre)))
        quiet = KernelParameters((_SILENT,) * len(self.terms), self.parameters.log_lengths, 0.0)
        return replace(self, parameters=quiet, centre=centre, spread=spread)

    @property
    def over_anchor(self) -> Array:
        """What labels are more than their prior mean, on the scale of the fit."""
        values = self.readings.values
        return values if self.anchor is None else values - self.anchor[self.readings.candidates]

    @property
    def own_variance(self) -> float:
        """Of a candidate's own effect, on the scale of the fit."""
        share = 1.0 if self.readings.is_noise_known else _OWN_SHARE
        return share * self._unexplained

    @property
    def noise_variance(self) -> float:
        """Of one reading about the true value, on the scale of the fit."""
        return self.readings.typical_noise if self.readings.is_noise_known else (1 - _OWN_SHARE) * self._unexplained

    @property
    def _unexplained(self) -> float:
        return self.spread**2 * float(np.exp(self.parameters.log_noise))

    @cached_property
    def _known(self) -> Rows:
        return self.pool.rows(self.readings.candidates)

    @cached_property
    def _solved(self) -> tuple[tuple[Array, bool], Array]:
        total = covariance_within(self.terms, self.parameters, self._known)
        total[np.diag_indices_from(total)] = self._label_variances
        factor = cho_factor(total, lower=True)
        return factor, cho_solve(factor, (self.over_anchor - self.centre) / self.spread)

    def _prior_means(self, chosen: Numbers) -> Array | float:
        return self.centre if self.anchor is None else self.centre + self.anchor[chosen]

    @cached_property
    def _label_variances(self) -> Array:
        prior = prior_variances(self.terms, self.parameters, self._known).sum(axis=0)
        return np.asarray(prior + (self._unexplained + self.readings.noise) / self.spread**2)

    def _cross(self, numbers: Numbers, rows: Rows) -> Array:
        """Covariance of true values with the known labels, in units of the spread, ``[n, n_known]``."""
        cross = covariance_between(self.terms, self.parameters, rows, self._known)
        is_same = numbers[:, None] == self.readings.candidates
        return np.asarray(cross + self.own_variance / self.spread**2 * is_same)

    def marginals(self, chosen: Numbers | None = None, is_cheap: bool = False) -> tuple[Array, Array]:
        """Means and standard deviations of true values, of all or the chosen candidates, a piece at a time.

        Cheap ones are upper bounds of the deviations: what the most telling label alone leaves. They cost n_labels
        operations a candidate instead of its square.
        """
        _, alpha = self._solved
        means, variances = [], []
        with threadpool_limits(limits=1, user_api="blas"):
            for numbers, rows in self.pool.pieces(chosen):
                cross = self._cross(numbers, rows)
                prior = prior_variances(self.terms, self.parameters, rows).sum(axis=0)
                means.append(cross @ alpha)
                variances.append(prior - (self._told_alone(cross) if is_cheap else self._told(cross)))
        own = self.own_variance / self.spread**2
        spread = np.sqrt(np.maximum(np.concatenate(variances) + own, 1e-12))
        numbers = np.arange(self.pool.n_candidates) if chosen is None else chosen
        return self._prior_means(numbers) + self.spread * np.concatenate(means), self.spread * spread

    def _told(self, cross: Array) -> Array:
        """Variance that all labels take away, in units of the spread."""
        return np.asarray(np.einsum("ij,ji->i", cross, cho_solve(self._solved[0], cross.T)))

    def _told_alone(self, cross: Array) -> Array:
        """Variance that the most telling label takes away."""
        return np.asarray(np.max(cross**2 / self._label_variances, axis=1))

    def joint(self, chosen: Numbers) -> tuple[Array, Array]:
        """Means ``[n]`` and covariance ``[n, n]`` of the true values of the chosen candidates."""
        factor, alpha = self._solved
        with threadpool_limits(limits=1, user_api="blas"):
            rows = self.pool.rows(chosen)
            cross = self._cross(chosen, rows)
            covariance = covariance_within(self.terms, self.parameters, rows) - cross @ cho_solve(factor, cross.T)
        covariance = self.spread**2 * (covariance + covariance.T) / 2 + self.own_variance * np.eye(len(chosen))
        return self._prior_means(chosen) + self.spread * (cross @ alpha), covariance

    def left_out(self) -> tuple[Array, Array]:
        """Residual and variance of each label under all others, in units of the spread, each ``[n_labels]``.

        Closed form at fixed hyper-parameters: Rasmussen & Williams 2006, eq. 5.10 to 5.12.
        """
        factor, alpha = self._solved
        own = np.diag(cho_solve(factor, np.eye(len(alpha))))
        return alpha / own, 1 / own

    def blocks_that_speak(self, chosen: Numbers) -> dict[str, Array]:
        """Share of each block in what is said of candidates, ``[n]`` each: of how far its terms move the mean."""
        _, alpha = self._solved
        rows = self.pool.rows(chosen)
        moved = {name: np.zeros(len(chosen)) for name in self.pool.blocks}
        settings = zip(self.terms, self.parameters.log_weights, self.parameters.log_lengths, strict=True)
        for term, weight, length in settings:
            covariance = np.exp(weight) * term.covariance(term.measure(rows, self._known), length)
            moved[term.block] += np.abs(covariance @ alpha)
        total = np.maximum(np.sum(list(moved.values()), axis=0), 1e-12)
        return {name: part / total for name, part in moved.items()}


def _terms(names: Sequence[str], n_labels: int) -> Iterator[KernelTerm]:
    conditions = [name for name in names if name.startswith(CONDITION_PREFIX)]
    for name in names:
        if name == COUNTS:
            yield KernelTerm(name, Shape.TANIMOTO)
        elif name not in conditions:
            yield KernelTerm(name, Shape.RBF)
            if name not in _WIDE or n_labels <= _N_LINEAR:
                yield KernelTerm(name, Shape.LINEAR)
    yield from condition_terms(names, conditions)


def _starts(terms: Sequence[KernelTerm]) -> Iterator[KernelParameters]:
    lengths = (KernelPrior().log_length[0],) * len(terms)
    even = KernelParameters((float(np.log(0.7 / len(terms))),) * len(terms), lengths, float(np.log(0.1)))
    yield even
    yield replace(even, log_noise=float(np.log(0.6)))
    for block in (DESCRIPTORS, EMBEDDING):
        yield replace(even, log_weights=tuple(-0.5 if term.block == block else -4.0 for term in terms))
