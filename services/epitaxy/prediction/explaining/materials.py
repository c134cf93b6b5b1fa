"""The use case of explaining materials without a crystal: read here, explained elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from epitaxy.prediction.domain import Answer, Item, ReadMaterial, Refusal
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.intake.conditions import conditions_of, with_conditions
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.materials.tenants import check_descriptors, of_kind
from epitaxy.prediction.tenants.models import ServedVersion, TenantModels
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.materials import MaterialKind
from epitaxy_models.transfer.conditions.condition import known_rows


@dataclass(frozen=True, slots=True)
class MaterialQuestion:
    """One material to explain.

    Attributes:
        kind: What it is.
        text: Its canonical key, which reads back.
        stated: Conditions of a tenant's model, in the model's units.
    """

    kind: MaterialKind
    text: str
    stated: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class MaterialQuery:
    """What to explain of all materials of a call.

    Attributes:
        name: Name of the property.
        n_nearest: Number of known materials to name.
        version: The tenant's model; None for the substrate itself.
        substrate: Name of the substrate that answers, or that the model was fitted on.
        digest: Its digest; empty for the present one.
    """

    name: str
    n_nearest: int
    version: ModelVersion | None = None
    substrate: str = ""
    digest: str = ""

    def on(self, service: MaterialService) -> "MaterialQuery":
        """The same by the substrate of a service."""
        return replace(self, substrate=service.substrate.card.name, digest=service.substrate.digest)


@dataclass(frozen=True, slots=True)
class ExplainedMaterial:
    """One material with its explanation or its refusal."""

    id: str
    outcome: MaterialExplanation | Refusal


class MaterialExplanationBackend(Protocol):
    """Explains materials, somewhere."""

    async def explain_materials(
        self, questions: Sequence[MaterialQuestion], query: MaterialQuery
    ) -> list[MaterialExplanation | Refusal]:
        """One answer a question. Raises OverloadedError if too many wait, UnavailableError if none answers."""


class MaterialExplanations:
    """Answers blocks of materials with explanations. The event loop owns it."""

    def __init__(
        self,
        services: MaterialServices,
        models: TenantModels,
        backend: MaterialExplanationBackend,
        crystals: ExplanationService,
    ) -> None:
        """Calls count among those of ``crystals``: explainers are few."""
        self._services, self._models, self._backend, self._crystals = services, models, backend, crystals

    async def by_substrate(
        self, items: Sequence[Item], service: MaterialService, query: MaterialQuery, tenant: str
    ) -> list[ExplainedMaterial]:
        """One outcome an item, in order. Raises OverloadedError if the tenant has too many open calls already."""
        with self._crystals.one_call_of(tenant):
            answers, _ = await service.embed(items)
            return await self._explained(answers, [{}] * len(items), query.on(service))

    async def by_model(
        self, items: Sequence[Item], served: ServedVersion, query: MaterialQuery, tenant: str
    ) -> list[ExplainedMaterial]:
        """The same of a tenant's model, under the conditions of each item.

        Raises FailedPreconditionError too, for a model that cannot answer at all.
        """
        check_descriptors(served)
        with self._crystals.one_call_of(tenant):
            service = await self._services.under(served)
            await self._models.load(served.version)
            read, _ = await service.embed(items)
            answers = [
                with_conditions(of_kind(answer, served.kind), item, served.card)
                for answer, item in zip(read, items, strict=True)
            ]
            stated = [
                {} if isinstance(answer.outcome, Refusal) else _stated(served, item)
                for answer, item in zip(answers, items, strict=True)
            ]
            return await self._explained(answers, stated, query.on(service))

    async def _explained(
        self, answers: Sequence[Answer], stated: Sequence[Mapping[str, float | str]], query: MaterialQuery
    ) -> list[ExplainedMaterial]:
        questions = [
            MaterialQuestion(answer.outcome.kind, answer.outcome.key, under)
            for answer, under in zip(answers, stated, strict=True)
            if isinstance(answer.outcome, ReadMaterial)
        ]
        found = iter(await self._backend.explain_materials(questions, query) if questions else ())
        return [
            ExplainedMaterial(answer.id, answer.outcome if isinstance(answer.outcome, Refusal) else next(found))
            for answer in answers
        ]


def _stated(served: ServedVersion, item: Item) -> dict[str, float | str]:
    """Conditions that an item states, in the model's units."""
    columns = conditions_of(served.card, [item])
    known = {name: values.tolist()[0] for name, values in columns.items() if known_rows(values)[0]}
    return {name: value if isinstance(value, str) else float(np.float64(value)) for name, value in known.items()}
