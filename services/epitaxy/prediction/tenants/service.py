"""Predictions with a tenant's model, on the embeddings that all models of one substrate share."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import (
    FailedPreconditionError,
)
from epitaxy.prediction.domain import Accepted, Answer, BlockAnswer, Item, Query, Refusal
from epitaxy.prediction.intake.conditions import conditions_of, with_conditions
from epitaxy.prediction.intake.known_values import columns_of, with_values
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.ports import Embedding, Stage
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.tenants.features import DescribedRow, joined
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.prediction.tenants.substrates import Substrate, Substrates
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.review import ReviewDecision
from epitaxy_models.transfer.conditions.condition import Values
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import TransferInputs

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TenantQuestion:
    """A question to a tenant's model.

    Attributes:
        inputs: Inputs of all structures.
        coverage: Nominal coverage of the intervals.
        substrate_domains: The substrate's domain score of each structure.
        judged_at: Coverage at which a review policy judges widths; None if it judges none.
    """

    inputs: TransferInputs
    coverage: float
    substrate_domains: Sequence[DomainScore]
    judged_at: float | None = None


class NetworkBackend(Protocol):
    """Runs models with a backbone of their own, in this process or in another."""

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]``. Raises an EpitaxyError."""


@dataclass(frozen=True, slots=True, eq=False)
class _Described:
    """Answers of a block so far, and what is known of the structures that are still to be predicted.

    Attributes:
        answers: One answer per item.
        positions: Positions of the items that remain to be predicted.
        accepted: Their structures.
        rows: Their descriptors.
        embeddings: Their embeddings.
    """

    answers: Sequence[Answer]
    positions: Sequence[int]
    accepted: Sequence[Accepted]
    rows: Sequence[DescribedRow]
    embeddings: Embedding


class TenantService:
    """Answers blocks of structures with tenants' models."""

    def __init__(
        self,
        substrates: Substrates,
        models: TenantModels,
        heads: TenantLanes,
        networks: NetworkBackend,
    ) -> None:
        self._substrates, self._models = substrates, models
        self._heads, self._networks = heads, networks

    async def evaluate(self, items: Sequence[Item], served: ServedVersion, query: Query) -> BlockAnswer:
        """Predictions for all items. Raises FailedPreconditionError for a model that cannot answer at all."""
        substrate = await self._substrates.under(served)
        shared = substrate.service
        answers, embeddings = await shared.embed(items, bypass_cache=query.bypass_cache)
        complete = [
            with_conditions(with_values(answer, item, served.card), item, served.card)
            for answer, item in zip(answers, items, strict=True)
        ]
        described = await self._describe(served, substrate, complete, embeddings)
        if not described.positions:
            return _finish(shared, described.answers, nothing())
        asked_items = [items[position] for position in described.positions]
        known = columns_of(served.card, [item.known_values for item in asked_items])
        under = conditions_of(served.card, asked_items)
        policy = await self._models.read_policy(served)
        with shared.timed(Stage.READOUT):
            asked = (query.coverage, policy.interval_coverage if policy.judges_widths else None)
            prediction = await self._predict(served, shared, described, known, under, *asked)
        atoms = [entry.structure.atomic_numbers for entry in described.accepted]
        names = [served.card.definition.name]
        reviews = policy.judge(atoms, prediction.domains, names, prediction.judged_widths)
        return _finish(shared, numbered(described.answers, described.positions, prediction), prediction, reviews)

    async def _describe(
        self, served: ServedVersion, substrate: Substrate, answers: Sequence[Answer], embeddings: Embedding
    ) -> _Described:
        """A structure that has no descriptors is refused alone, before any model sees it."""
        found = [(at, answer.outcome) for at, answer in enumerate(answers) if isinstance(answer.outcome, Accepted)]
        own = embeddings[[answers[at].row for at, _ in found]]
        accepted = [outcome for _, outcome in found]
        rows: Sequence[DescribedRow | Refusal] = ()
        if found:
            tenant, peers = served.version.model.tenant, served.card.peers
            rows = await self._heads.run(tenant, lambda: substrate.features.describe(accepted, own, peers))
        outcomes, kept = list(answers), []
        for number, ((at, _), row) in enumerate(zip(found, rows, strict=True)):
            if isinstance(row, Refusal):
                outcomes[at] = Answer(answers[at].id, row)
            else:
                kept.append((number, row))
        numbers = [number for number, _ in kept]
        return _Described(
            outcomes,
            [found[number][0] for number in numbers],
            [accepted[number] for number in numbers],
            [row for _, row in kept],
            own[numbers],
        )

    async def _predict(
        self,
        served: ServedVersion,
        shared: PredictionService,
        described: _Described,
        known: Mapping[str, NDArray[np.float64]],
        under: Mapping[str, Values],
        coverage: float,
        judged_at: float | None,
    ) -> EnsemblePrediction:
        tenant = served.version.model.tenant

        def question() -> TenantQuestion:
            domains = shared.domains(described.embeddings, [entry.structure for entry in described.accepted])
            inputs = joined(described.accepted, described.rows, described.embeddings, known)
            inputs = under_conditions(inputs, served.card.conditions, under)
            return TenantQuestion(inputs, coverage, domains, judged_at)

        if served.is_network:
            return await self._networks.predict(served.version, await self._heads.run(tenant, question))
        model = await self._models.load(served.version)
        return await self._heads.run(tenant, lambda: run_model(model, served.version, question))


def run_model(
    model: TransferModel, version: ModelVersion, question: Callable[[], TenantQuestion]
) -> EnsemblePrediction:
    """Runs the model on a question. Raises FailedPreconditionError if the model fails, which harms no other model."""
    try:
        asked = question()
        return model.predict(asked.inputs, asked.coverage, asked.substrate_domains, asked.judged_at)
    except EpitaxyError:
        raise
    except Exception as error:
        _LOG.exception("%s version %s fails", version.model, version.version)
        raise FailedPreconditionError(
            f"{version.model} version {version.version} fails on these structures: roll back, and report it",
            reason="MODEL_FAILED",
        ) from error


def numbered(answers: Sequence[Answer], positions: Sequence[int], prediction: EnsemblePrediction) -> list[Answer]:
    """Answers with their rows of the prediction; one without a finite value becomes a refusal of its own."""
    done = list(answers)
    is_finite = np.isfinite((prediction.values + prediction.lower + prediction.upper)[:, 0])
    for row, position in enumerate(positions):
        answer = done[position]
        if is_finite[row]:
            done[position] = replace(answer, row=row)
        else:
            done[position] = Answer(answer.id, failure(ArithmeticError("the prediction is not finite")))
    return done


def _finish(
    shared: PredictionService,
    answers: Sequence[Answer],
    prediction: EnsemblePrediction,
    reviews: tuple[ReviewDecision, ...] = (),
) -> BlockAnswer:
    shared.count(answers)
    return BlockAnswer(tuple(answers), prediction, reviews)


def nothing() -> EnsemblePrediction:
    """Predictions of one property for no rows."""
    empty = np.zeros((0, 1))
    return EnsemblePrediction(empty, empty, empty, empty, empty, empty, ())
