"""A process whose functions are the parameters of a law: labels at many conditions, learned jointly.

A label is ``sum_p basis_p(c) parameter_p(x)`` plus noise on the law's straight scale, each parameter a Gaussian process
over the blocks of the structure: a Gaussian process again, whose covariance is a sum of products. It extrapolates in a
condition as the law says, and its intervals widen as the parameters are unsure.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import (
    COUNTS,
    DESCRIPTORS,
    ESTIMATES,
    FRACTIONS,
    LOW_FIDELITY_PREFIX,
    SUBSTRATE,
    TransferInputs,
)
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.physics.law import PhysicsLaw
from epitaxy_models.transfer.physics.monotone import Monotone
from epitaxy_models.transfer.strategies.block_kernel import KernelParameters, Rows, Shape
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.fitted_physics import KIND, FittedPhysicsProcess
from epitaxy_models.transfer.strategies.law_basis import LawBasis, basis_block, conditions_of, scaled_rows
from epitaxy_models.transfer.strategies.law_terms import ALL, LawTerm
from epitaxy_models.transfer.strategies.marginal_likelihood import KernelPrior, PosteriorObjective, maximize

Array = NDArray[np.float64]
# As in block_gp: starts are compared on few rows, the best is refined on more.
_N_SEARCH, _N_REFINE = 128, 500
_STEPS_SEARCH, _STEPS_REFINE = 40, 20
_MIN_LABELS = 8
# Conditions of the labels at which a row without one is answered: the middles of as many equal parts.
_N_QUANTILES = 5


@dataclass(frozen=True)
class PhysicsProcess:
    """Gaussian processes of a law's parameters.

    Attributes:
        law: The law.
        scale: From the scale of the fit to plain values.
        linear: Blocks that have a linear term besides.
        n_linear_max: Structures up to which every block has a linear term, as in the default process.
        prior: Beliefs about weights, lengths and noise, as of the default process.
        name: Name of the strategy.
        noise_std: Least noise of a label, in the targets' unit, if labels of one crystal tell it.
    """

    law: PhysicsLaw
    scale: LabelScale
    linear: tuple[str, ...] = (SUBSTRATE, ESTIMATES)
    n_linear_max: int = 80
    prior: KernelPrior = field(default_factory=KernelPrior)
    name: str = KIND
    noise_std: float = 0.0

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedPhysicsProcess":
        """Learns from ``targets`` ``[n_rows]``, without rows that the law cannot speak of.

        Raises ConfigurationError (LAW_UNDETERMINED) if the labels cannot tell its parameters apart.
        """
        # Two BLAS threads take eight times as long as one for matrices of this size.
        with threadpool_limits(limits=1, user_api="blas"):
            conditions = conditions_of(self.law, inputs)
            law = replace(self.law, knot=_knot(conditions)) if isinstance(self.law, Monotone) else self.law
            straight = law.straight(self.scale.values(targets), conditions)
            usable = np.flatnonzero(np.isfinite(straight) & np.isfinite(law.basis(conditions)).all(axis=1))
            if len(usable) < _MIN_LABELS:
                raise ConfigurationError(
                    f"the law {law.name} can speak of {len(usable)} labels, and {_MIN_LABELS} are needed: give "
                    f"{law.condition or 'values within the bounds'} with more of them",
                    reason="LAW_UNDETERMINED",
                )
            noise = self._noise(law, targets[usable], conditions[usable])
            return self._fit(law, inputs.take(usable), straight[usable], conditions[usable], noise, seed)

    def _fit(
        self, law: PhysicsLaw, inputs: TransferInputs, straight: Array, conditions: Array, noise: float, seed: int
    ) -> "FittedPhysicsProcess":
        basis = LawBasis.fit(law, conditions)
        columns = basis(law, conditions)
        means = np.asarray(np.linalg.lstsq(columns, straight, rcond=None)[0], dtype=np.float64)
        residuals = straight - columns @ means
        spread = float(np.sqrt(np.mean(residuals**2))) or 1.0
        # Counts of a composition's atoms are its fractions again.
        hidden = {f"{CONDITION_PREFIX}{law.condition}", *([COUNTS] if FRACTIONS in inputs.blocks else [])}
        blocks = {name: block for name, block in inputs.blocks.items() if name not in hidden}
        scales = {name: _scale_of(name, block) for name, block in blocks.items()}
        rows = scaled_rows(scales, blocks, columns)
        n_structures = len(np.unique(rows[_own_block(blocks)], axis=0))
        terms = tuple(self._terms(tuple(blocks), columns.shape[1], n_structures))
        labels = residuals / spread
        parameters = self._search(terms, rows, labels, seed, (noise / spread) ** 2)
        usual = np.zeros(1)
        if law.condition:
            usual = np.quantile(conditions, (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES).astype(np.float64)
        return FittedPhysicsProcess(
            law, self.scale, basis, terms, parameters, scales, rows, labels, means.astype(np.float64), spread, usual
        )

    def _terms(self, blocks: Sequence[str], n_parameters: int, n_structures: int) -> Iterator[LawTerm]:
        own = _own_block(blocks)
        for parameter in range(n_parameters):
            basis = basis_block(parameter)
            for name in sorted(blocks):
                is_condition = name.startswith(CONDITION_PREFIX)
                yield LawTerm(name, Shape.GAPPED_RBF if is_condition else Shape.RBF, basis=basis)
                if is_condition or name.startswith(LOW_FIDELITY_PREFIX):
                    yield LawTerm(name, Shape.GAPPED, basis=basis)
                elif name in self.linear or n_structures <= self.n_linear_max:
                    yield LawTerm(name, Shape.LINEAR, basis=basis)
            yield LawTerm(ALL, Shape.LINEAR, basis=basis)
            yield LawTerm(own, Shape.LINEAR, basis=basis, is_own=True)

    def _search(
        self, terms: Sequence[LawTerm], rows: Rows, labels: Array, seed: int, least_noise: float
    ) -> KernelParameters:
        order = np.random.default_rng(seed).permutation(len(labels))
        few = np.sort(order[:_N_SEARCH])
        objective = PosteriorObjective(terms, _taken(rows, few), labels[few], self.prior, least_noise)
        best = maximize(objective, self._starts(len(terms)), _STEPS_SEARCH)[0][1]
        if len(labels) > _N_SEARCH:
            more = np.sort(order[:_N_REFINE])
            objective = PosteriorObjective(terms, _taken(rows, more), labels[more], self.prior, least_noise)
            best = maximize(objective, [best], _STEPS_REFINE)[0][1]
        return best

    def _starts(self, n_terms: int) -> Iterator[KernelParameters]:
        lengths = (self.prior.log_length[0],) * n_terms
        even = KernelParameters((float(np.log(0.7 / n_terms)),) * n_terms, lengths, float(np.log(0.1)))
        yield even
        yield replace(even, log_noise=float(np.log(0.6)))

    def _noise(self, law: PhysicsLaw, targets: Array, conditions: Array) -> float:
        """The least noise on the straight scale, as it is at the median label."""
        if not self.noise_std:
            return 0.0
        middle = float(np.median(targets))
        ends = self.scale.values(np.array([middle - self.noise_std / 2, middle + self.noise_std / 2]))
        low, high = law.straight(ends, np.full(2, np.median(conditions)))
        return abs(float(high - low)) if np.isfinite([low, high]).all() else 0.0


def _knot(conditions: Array) -> float:
    known = conditions[np.isfinite(conditions)]
    return float(np.median(known)) if len(known) else 0.0


def _own_block(blocks: Collection[str]) -> str:
    """The block by which structures are told apart."""
    return DESCRIPTORS if DESCRIPTORS in blocks else min(blocks)


def _scale_of(name: str, block: Array) -> BlockScale:
    if name.startswith(CONDITION_PREFIX):
        return BlockScale.of_condition(block)
    return BlockScale.fit_with_gaps(block) if name.startswith(LOW_FIDELITY_PREFIX) else BlockScale.fit(block)


def _taken(rows: Rows, chosen: NDArray[np.int64]) -> Rows:
    return {name: block[chosen] for name, block in rows.items()}
