"""All that models read of a block of molecules, polymers or compositions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.domain import Answer, BlockAnswer, Item, Query, ReadMaterial, Refusal
from epitaxy.prediction.featurizing.answers import FeatureAnswer, FeatureRow, StructureFacts
from epitaxy.prediction.materials.service import EmbeddedMaterial, MaterialService
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy_models.errors import UnsupportedElementError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import doubts_of
from epitaxy_models.transfer.kinds.features import MaterialFeatures

_Blocks = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class MaterialFeatureService:
    """Featurizes blocks of materials of one kind; what was embedded before comes from the substrate's cache."""

    lanes: TenantLanes

    async def featurize(self, items: Sequence[Item], service: MaterialService) -> FeatureAnswer:
        """Features of all items; every item ends in facts or its own refusal.

        Molecules and polymers have one substrate and other descriptors: the first item that can be read tells the kind.
        """
        definitions = [entry.definition for entry in service.substrate.card.properties]
        predicted = await service.evaluate(items, Query(tuple(range(len(definitions)))))
        answers, embedded = await service.embed(items)
        kind = next((read.kind for answer in answers if isinstance(read := answer.outcome, ReadMaterial)), None)
        refusals = {at: why for at, answer in enumerate(answers) if (why := _refusal(answer, kind)) is not None}
        rows = {at: embedded[answer.row] for at, answer in enumerate(answers) if at not in refusals}
        blocks: _Blocks = {}
        if kind is not None:
            features, tenant = MaterialFeatures.shipped(kind), current_request().tenant
            blocks, more = await self.lanes.run(tenant, lambda: _described(features, rows))
            refusals |= more
        kept = [at for at in rows if at not in refusals]
        numbers = [predicted.answers[at].row for at in kept]
        facts = {at: _facts(rows[at].read, predicted, row) for at, row in zip(kept, numbers, strict=True)}
        outcomes: dict[int, StructureFacts | Refusal] = {**refusals, **facts}
        return FeatureAnswer(
            [FeatureRow(item.id, outcomes[at]) for at, item in enumerate(items)],
            blocks,
            definitions,
            predicted.prediction.values[numbers],
            predicted.prediction.stds[numbers],
        )


def _refusal(answer: Answer, kind: MaterialKind | None) -> Refusal | None:
    """Why an item has no features; None if it can have some."""
    outcome = answer.outcome
    if isinstance(outcome, Refusal):
        return outcome
    found = outcome.kind if isinstance(outcome, ReadMaterial) else MaterialKind.STRUCTURE
    if found is kind:
        return None
    return Refusal("MIXED_KINDS", f"the others are {kind}s, and this is a {found}: ask for one kind at a time")


def _described(features: MaterialFeatures, rows: Mapping[int, EmbeddedMaterial]) -> tuple[_Blocks, dict[int, Refusal]]:
    """Blocks of the materials that all of them can describe, in their order, and why the others have none."""
    refused: dict[int, Refusal] = {}
    kept: list[EmbeddedMaterial] = []
    for at, row in rows.items():
        try:
            features.check(row.read.sample.material)
            kept.append(row)
        except UnsupportedElementError as error:
            refused[at] = Refusal(error.reason, error.message)
    if not kept:
        return {}, refused
    embeddings = np.stack([row.embedding for row in kept])
    inputs = features.inputs_from([row.read.sample for row in kept], [row.graph for row in kept], embeddings)
    return inputs.blocks, refused


def _facts(read: ReadMaterial, predicted: BlockAnswer, number: int) -> StructureFacts:
    review = predicted.reviews[number].with_rules(doubts_of(read.repairs, read.notes))
    elements = read.sample.atomic_numbers.tobytes()
    return StructureFacts(read.digest, read.formula, elements, predicted.prediction.domains[number], review)
