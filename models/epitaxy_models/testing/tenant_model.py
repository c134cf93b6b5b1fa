"""A small model of a tenant's own on bundled crystals: volume per atom, fitted in a second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.out_of_fold import METHOD, OutOfFold, calibrate
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.structures import Structure
from epitaxy_models.transfer.conditions.condition import Condition, Values
from epitaxy_models.transfer.features import SubstrateFeatures, under_conditions
from epitaxy_models.transfer.fitted.card import BaseModel, CalibrationRecord, KnownColumn, TransferCard
from epitaxy_models.transfer.fitted.model import Member, Part, TransferModel
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.inputs import EMBEDDING, TransferInputs
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, PoolMedian
from epitaxy_models.transfer.strategy import FittedStrategy
from epitaxy_models.transfer.verdict import Verdict

N_LABELS = 24
DEFINITION = PropertyDefinition(
    "volume_per_atom", "A3", Fidelity.EXPERIMENT, "made from the structure itself", "cell volume over sites", 0.0, None
)


@dataclass(frozen=True)
class TenantModelRecipe:
    """What a small model is like.

    Attributes:
        offset: Added to every label, in cubic Angstrom: tells two versions apart.
        strategies: One part of every member each, with equal shares.
        n_members: Fits on different halves of the labels.
        transform: Scale of the fit.
        known_columns: Lower fidelities that it reads; their values are the labels times 0.9.
        peers: Further substrates that it claims to read.
        conditions: Conditions of the labels, each of which shifts them: a number by 6 over its range, a category by 3
            for each before it.
    """

    offset: float = 0.0
    strategies: Sequence[BlockGP | EmbeddingRidge | PoolMedian] = field(
        default_factory=lambda: (BlockGP(), PoolMedian())
    )
    n_members: int = 2
    transform: str = "none"
    known_columns: tuple[KnownColumn, ...] = ()
    peers: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def model(self, artifact: ModelArtifact, embedder: Embedder) -> TransferModel:
        """The fitted model."""
        structures = labelled_structures()
        under = _conditions_of(self.conditions, len(structures))
        labels = volumes(structures) + self.offset + condition_shifts(self.conditions, under)
        inputs = under_conditions(self.inputs(artifact, embedder, structures), self.conditions, under)
        transform = TargetTransform.fit(self.transform, labels)
        targets = transform.forward(labels)
        members = [self._member(self._fits(inputs, targets, seed)) for seed in range(self.n_members)]
        domain = TrainingDomain.fit(artifact.domain, inputs.blocks[EMBEDDING], structures)
        return TransferModel.of(self._card(artifact, transform, self._calibration(inputs, targets)), members, domain)

    def inputs(self, artifact: ModelArtifact, embedder: Embedder, structures: Sequence[Structure]) -> TransferInputs:
        """What the model reads of these structures."""
        known = {column.name: 0.9 * volumes(structures) for column in self.known_columns}
        return SubstrateFeatures(artifact).inputs_of(structures, embedder, known)

    def _fits(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> list[FittedStrategy]:
        rows = np.sort(np.random.default_rng(seed).permutation(len(targets))[: 2 * len(targets) // 3])
        return [strategy.fit(inputs.take(rows), targets[rows], seed) for strategy in self.strategies]

    @staticmethod
    def _member(fits: Sequence[FittedStrategy]) -> Member:
        return Member(tuple(Part(1 / len(fits), fit.state()) for fit in fits))

    def _calibration(self, inputs: TransferInputs, targets: NDArray[np.float64]) -> CalibrationRecord:
        rows = np.arange(len(targets))
        even, odd = rows[::2], rows[1::2]
        first = self.strategies[0]
        parts = [
            first.fit(inputs.take(a), targets[a], 0).predict(inputs.take(b)) for a, b in ((even, odd), (odd, even))
        ]
        order = np.concatenate([odd, even])
        values = np.concatenate([part.values for part in parts])
        stds = np.concatenate([part.stds for part in parts])
        calibrator = calibrate(OutOfFold(order, values, stds, targets))
        return CalibrationRecord(calibrator, METHOD, 0.9, 0.9, len(targets))

    def _card(
        self, artifact: ModelArtifact, transform: TargetTransform, calibration: CalibrationRecord
    ) -> TransferCard:
        base = artifact.card
        return TransferCard(
            name="volume",
            base=BaseModel(base.name, base.version, artifact.weights_digest),
            definition=DEFINITION,
            transform=transform,
            strategy="block_gp",
            calibration=calibration,
            verdict=Verdict.HELPS,
            verdict_reason="errs half as much as descriptors alone",
            maes={"block_gp": 1.5, "pool_median": 4.0},
            n_labels=N_LABELS,
            known_columns=self.known_columns,
            peers=self.peers,
            conditions=self.conditions,
        )


def labelled_structures() -> list[Structure]:
    """The crystals that a small model has labels of."""
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 12]
    return small[:: len(small) // N_LABELS][:N_LABELS]


def unlabelled_structures(n: int) -> list[Structure]:
    """Other crystals."""
    labelled = {structure.content_digest() for structure in labelled_structures()}
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 12]
    return [structure for structure in small if structure.content_digest() not in labelled][:n]


def volumes(structures: Sequence[Structure]) -> NDArray[np.float64]:
    """Volume per atom, cubic Angstrom, ``[n_structures]``."""
    return np.array([structure.volume / structure.n_sites for structure in structures])


def condition_shifts(conditions: Sequence[Condition], values: Mapping[str, Values]) -> NDArray[np.float64]:
    """What conditions add to the labels of a recipe, ``[n_rows]``; every value is known."""
    shifts = np.zeros(len(next(iter(values.values()), ())) or 1)
    for condition in conditions:
        if condition.is_category:
            shifts = shifts + 3.0 * np.array([condition.categories.index(value) for value in values[condition.name]])
        elif condition.low is not None and condition.high is not None:
            shifts = shifts + 6.0 * (values[condition.name] - condition.low) / (condition.high - condition.low)
    return shifts


def _conditions_of(conditions: Sequence[Condition], n_rows: int) -> dict[str, Values]:
    """Values over the whole range, in an order that says nothing of the rows."""
    found: dict[str, Values] = {}
    for seed, condition in enumerate(conditions):
        order = np.random.default_rng(seed).permutation(n_rows)
        if condition.is_category:
            found[condition.name] = np.array(condition.categories, dtype=object)[order % len(condition.categories)]
        elif condition.low is not None and condition.high is not None:
            found[condition.name] = np.linspace(condition.low, condition.high, n_rows)[order]
    return found
