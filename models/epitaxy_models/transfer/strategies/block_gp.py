"""The few-label default: a Gaussian process whose covariance is a sum of one kernel a block, weighed by the data."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from threadpoolctl import threadpool_limits

from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import (
    COUNTS,
    DESCRIPTORS,
    EMBEDDING,
    ESTIMATES,
    FIDELITIES,
    FILLED_PREFIX,
    LOW_FIDELITY_PREFIX,
    PAIRS,
    PEER_PREFIX,
    SUBSTRATE,
    TransferInputs,
)
from epitaxy_models.transfer.labels.plausibility import Similarity
from epitaxy_models.transfer.labels.wild import misleading_labels
from epitaxy_models.transfer.strategies.block_kernel import (
    KernelParameters,
    KernelTerm,
    Rows,
    Shape,
    covariance_between,
    covariance_within,
    prior_variances,
)
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.condition_terms import condition_terms, restored_term, term_record
from epitaxy_models.transfer.strategies.contamination import N_WILD, ONE_IN, log_density_of_wild, misfit
from epitaxy_models.transfer.strategies.marginal_likelihood import KernelPrior, PosteriorObjective, maximize
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "block_gp"
WITHOUT_PEERS = "block_gp_without_peers"
# The same process without any pretrained network: what transfer has to beat where no crystal is known.
WITHOUT_SUBSTRATE = "descriptor_gp"
# What a pretrained network says.
_PRETRAINED = frozenset({EMBEDDING, SUBSTRATE, PAIRS, FIDELITIES})
# Starts are compared on at most so many rows, and the best is refined on at most so many: an iteration costs n^3.
_N_SEARCH, _N_REFINE = 128, 600
_STEPS_SEARCH, _STEPS_REFINE = 40, 25
# Log-evidence over pure noise at which process and median weigh the same. A dozen free parameters buy up to 3 on
# shuffled labels; at 25 labels real ones gave 8 to 48.
_EVIDENCE_ASKED = 4.0


@dataclass(frozen=True)
class BlockGP:
    """Gaussian process on all blocks of the inputs.

    Attributes:
        shape: Covariance of the term that every block has.
        linear: Blocks that have a linear term besides; values of a lower fidelity always have one.
        n_linear_max: Labels up to which every block has a linear term: at 25 these lower the errors by 8 % in the
            geometric mean over targets, at 60 to 80 by nothing, at 250 they raise them by 5 %.
        linear_beyond: Blocks that have a linear term from more labels on than that: what fragments of a molecule add is
            told by many labels alone. At 25 such a term on counts raises the error of thermal conductivity by 6 %, at
            250 it lowers those of four targets by 2 % in the geometric mean.
        prior: Beliefs about weights, lengths and noise.
        without_peers: Whether features of other substrates are left out.
        without_fidelities: Whether estimates of other fidelities are left out. They are gaps: of other labels they say
            nothing that the substrate's own gaps do not, and few labels may be misled by them. With them the error on
            25 dielectric constants was larger by 9 %, on 25 perovskites by 1 % (medians of 8 draws).
        without_substrate: Whether what a pretrained network says is left out.
        hidden: Further blocks that are left out.
        name: Name of the strategy.
        noise_std: Least noise of a label, in the targets' unit, if labels of one crystal tell it.
        is_robust: Whether labels that are likelier wild than noise are left out.
        about_mean: Whether the process varies about the mean of the labels instead of their median: the median of
            labels that are 0 or 1 is the more frequent of the two.
    """

    shape: Shape = Shape.RBF
    linear: tuple[str, ...] = (SUBSTRATE, ESTIMATES, FIDELITIES)
    n_linear_max: int = 80
    linear_beyond: tuple[str, ...] = ()
    prior: KernelPrior = field(default_factory=KernelPrior)
    without_peers: bool = False
    without_fidelities: bool = False
    without_substrate: bool = False
    hidden: tuple[str, ...] = ()
    name: str = KIND
    noise_std: float = 0.0
    is_robust: bool = True
    about_mean: bool = False

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedBlockGP":
        """Learns from ``targets`` ``[n_rows]``; ``seed`` picks the rows that starts are compared on."""
        if self.without_substrate:
            own = {name: block for name, block in inputs.blocks.items() if name not in _PRETRAINED}
            inputs = replace(inputs, blocks=own)
        # Two BLAS threads take eight times as long as one for matrices of this size.
        with threadpool_limits(limits=1, user_api="blas"):
            kept = _trusted(inputs, targets) if self.is_robust else np.arange(len(targets))
            fitted = self._fit(inputs, targets, kept, seed)
            return self._withstanding(fitted, inputs, targets, kept, seed) if self.is_robust else fitted

    def _withstanding(
        self, fitted: "FittedBlockGP", inputs: TransferInputs, targets: Array, kept: NDArray[np.int64], seed: int
    ) -> "FittedBlockGP":
        """The fit without labels that are likelier wild than noise: each costs the evidence more than it is worth."""
        for _ in range(min(N_WILD, len(kept) // ONE_IN)):
            place = misfit(fitted.left_out())
            if place is None:
                break
            fewer = np.delete(kept, place)
            trial = self._fit(inputs, targets, fewer, seed)
            wild = log_density_of_wild(abs(float(targets[kept[place]]) - trial.centre))
            if trial.log_evidence + wild <= fitted.log_evidence:
                break
            fitted, kept = trial, fewer
        return fitted

    def _fit(self, inputs: TransferInputs, targets: Array, kept: NDArray[np.int64], seed: int) -> "FittedBlockGP":
        if len(kept) < len(targets):
            inputs, targets = inputs.take(kept), targets[kept]
        blocks = {name: block for name, block in inputs.blocks.items() if self._reads(name)}
        scales = {name: scale_of(name, block) for name, block in blocks.items()}
        rows = {name: scales[name](block) for name, block in blocks.items()}
        terms = tuple(self._terms(blocks, len(targets)))
        centre = float(np.mean(targets) if self.about_mean else np.median(targets))
        spread = float(np.sqrt(np.mean((targets - centre) ** 2))) or 1.0
        labels = (targets - centre) / spread
        parameters, evidence = self._search(terms, rows, labels, seed, (self.noise_std / spread) ** 2)
        trust = float(expit(evidence - _EVIDENCE_ASKED))
        return FittedBlockGP(terms, parameters, trust, scales, rows, labels, centre, spread)

    def _reads(self, block: str) -> bool:
        is_hidden = block in self.hidden or (block == FIDELITIES and self.without_fidelities)
        return not is_hidden and not (self.without_peers and block.startswith(PEER_PREFIX))

    def _terms(self, names: Collection[str], n_labels: int) -> Iterator[KernelTerm]:
        conditions = tuple(sorted(name for name in names if name.startswith(CONDITION_PREFIX)))
        if COUNTS in names:
            yield KernelTerm(COUNTS, Shape.TANIMOTO)
            if COUNTS in self.linear_beyond and n_labels > self.n_linear_max:
                yield KernelTerm(COUNTS, Shape.LINEAR)
        for name in sorted(set(names) - {*conditions, COUNTS}):
            yield KernelTerm(name, self.shape)
            if name.startswith(LOW_FIDELITY_PREFIX):
                yield KernelTerm(name, Shape.GAPPED)
            elif name in self.linear or name.startswith(FILLED_PREFIX) or n_labels <= self.n_linear_max:
                yield KernelTerm(name, Shape.LINEAR)
        yield from condition_terms(names, conditions)

    def _search(
        self, terms: Sequence[KernelTerm], rows: Rows, labels: Array, seed: int, least_noise: float
    ) -> tuple[KernelParameters, float]:
        """Parameters, and by how much their log-evidence exceeds that of pure noise."""
        order = np.random.default_rng(seed).permutation(len(labels))
        few = np.sort(order[:_N_SEARCH])
        objective = PosteriorObjective(terms, _taken(rows, few), labels[few], self.prior, least_noise)
        value, best = maximize(objective, self._starts(terms), _STEPS_SEARCH)[0]
        if len(labels) > _N_SEARCH:
            more = np.sort(order[:_N_REFINE])
            objective = PosteriorObjective(terms, _taken(rows, more), labels[more], self.prior, least_noise)
            value, best = maximize(objective, [best], _STEPS_REFINE)[0]
        return best, objective.of_pure_noise - value

    def _starts(self, terms: Sequence[KernelTerm]) -> Iterator[KernelParameters]:
        length = self.prior.log_length[0]
        lengths = (length,) * len(terms)
        even = KernelParameters((float(np.log(0.7 / len(terms))),) * len(terms), lengths, np.log(0.1))
        yield even
        yield replace(even, log_noise=float(np.log(0.6)))
        for block in (DESCRIPTORS, EMBEDDING):
            weights = tuple(-0.5 if term.block == block else -4.0 for term in terms)
            yield replace(even, log_weights=weights)


def _trusted(inputs: TransferInputs, targets: Array) -> NDArray[np.int64]:
    """Rows to learn from: all but those whose labels a normal noise would follow at the cost of all others."""
    answers = inputs.blocks.get(SUBSTRATE, np.zeros((inputs.n_rows, 0)))
    wild = misleading_labels(targets, Similarity.lazily(inputs.formulas, list(answers.T)))
    return np.setdiff1d(np.arange(len(targets)), [entry.place for entry in wild])


def _taken(rows: Rows, chosen: NDArray[np.int64]) -> Rows:
    return {name: block[chosen] for name, block in rows.items()}


def scale_of(name: str, block: Array) -> BlockScale:
    """The scale that suits a block: conditions and values of a lower fidelity have gaps, counts stay as they are."""
    if name.startswith(CONDITION_PREFIX):
        return BlockScale.of_condition(block)
    if name == COUNTS:
        return BlockScale.of_counts(block.shape[1])
    return BlockScale.fit_with_gaps(block) if name.startswith(LOW_FIDELITY_PREFIX) else BlockScale.fit(block)


@dataclass(frozen=True, eq=False)
class FittedBlockGP:
    """A Gaussian process after its fit.

    Attributes:
        terms: Terms of the covariance.
        parameters: Their weights, lengths and the noise.
        trust: Probability that the blocks say anything, against labels that are noise about their median.
        scales: Standardisation by block.
        rows: Scaled training rows by block.
        labels: Centred and scaled targets, ``[n_rows]``.
        centre: What is predicted where no block says anything: the median of the targets.
        spread: Scale of the labels.
    """

    terms: tuple[KernelTerm, ...]
    parameters: KernelParameters
    trust: float
    scales: Mapping[str, BlockScale]
    rows: Rows
    labels: Array
    centre: float
    spread: float

    @cached_property
    def _solved(self) -> tuple[tuple[Array, bool], Array]:
        total = covariance_within(self.terms, self.parameters, self.rows)
        total[np.diag_indices_from(total)] += np.exp(self.parameters.log_noise)
        factor = cho_factor(total, lower=True)
        return factor, cho_solve(factor, self.labels)

    @cached_property
    def log_evidence(self) -> float:
        """Logarithm of the density of all targets, on the scale of the fit; Rasmussen & Williams 2006, eq. 2.30."""
        (factor, _), alpha = self._solved
        own = 0.5 * self.labels @ alpha + np.log(np.diag(factor)).sum()
        return -float(own) - len(self.labels) * float(np.log(self.spread) + 0.5 * np.log(2 * np.pi))

    def left_out(self) -> Array:
        """Each label less what the others say of it, ``[n_rows]``, in units of ``spread``; ibid., eq. 5.12."""
        factor, alpha = self._solved
        return np.asarray(alpha / np.diag(cho_solve(factor, np.eye(len(alpha)))), dtype=np.float64)

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Means and standard deviations of a new label, noise included; of the process and the median, by trust."""
        rows = {name: scale(inputs.blocks[name]) for name, scale in self.scales.items()}
        factor, alpha = self._solved
        cross = covariance_between(self.terms, self.parameters, rows, self.rows)
        known = np.einsum("ij,ji->i", cross, cho_solve(factor, cross.T))
        prior = prior_variances(self.terms, self.parameters, rows).sum(axis=0)
        means = cross @ alpha
        own = np.maximum(prior - known, 0.0) + np.exp(self.parameters.log_noise)
        # Moments of a mixture with a label of mean 0 and variance 1.
        variances = self.trust * own + (1 - self.trust) * (1 + self.trust * means**2)
        return TransferPrediction(self.centre + self.spread * self.trust * means, self.spread * np.sqrt(variances))

    @property
    def noise_std(self) -> float:
        """Standard deviation of the noise that the labels have, on the scale of the fit."""
        variance = self.trust * np.exp(self.parameters.log_noise) + 1 - self.trust
        return self.spread * float(np.sqrt(variance))

    def block_weights(self) -> dict[str, float]:
        """Share of each block in the prior variance of a label; what is missing to one is noise."""
        by_term = prior_variances(self.terms, self.parameters, self.rows).mean(axis=1)
        total = by_term.sum() + np.exp(self.parameters.log_noise)
        shares = dict.fromkeys([*self.scales, *(term.title for term in self.terms)], 0.0)
        for term, variance in zip(self.terms, by_term, strict=True):
            shares[term.title] += self.trust * float(variance / total)
        return shares

    def state(self) -> StrategyState:
        """Terms and parameters as settings, rows and scales as tensors."""
        settings: dict[str, Any] = {
            "terms": [term_record(term) for term in self.terms],
            "log_weights": list(self.parameters.log_weights),
            "log_lengths": list(self.parameters.log_lengths),
            "log_noise": self.parameters.log_noise,
            "trust": self.trust,
            "has_gaps": {name: scale.has_gaps for name, scale in self.scales.items()},
            "centre": self.centre,
            "spread": self.spread,
        }
        tensors: dict[str, NDArray[Any]] = {"labels": self.labels}
        for name, scale in self.scales.items():
            tensors |= {f"rows.{name}": self.rows[name], f"centre.{name}": scale.centre, f"factor.{name}": scale.factor}
        return StrategyState(KIND, settings, tensors)

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedBlockGP":
        """Rebuilds an equal predictor."""
        settings, tensors = state.settings, state.tensors
        scales = {
            name: BlockScale(tensors[f"centre.{name}"], tensors[f"factor.{name}"], has_gaps, name == COUNTS)
            for name, has_gaps in settings["has_gaps"].items()
        }
        return cls(
            terms=tuple(restored_term(*record) for record in settings["terms"]),
            parameters=KernelParameters(
                tuple(settings["log_weights"]), tuple(settings["log_lengths"]), settings["log_noise"]
            ),
            trust=settings["trust"],
            scales=scales,
            rows={name: tensors[f"rows.{name}"] for name in scales},
            labels=tensors["labels"],
            centre=settings["centre"],
            spread=settings["spread"],
        )
