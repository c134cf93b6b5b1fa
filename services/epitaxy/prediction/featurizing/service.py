"""All that models of a substrate read of a block of structures: features, domain, review, canonical key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.domain import Accepted, Answer, Item, Query, ReadMaterial, Refusal
from epitaxy.prediction.tenants.features import DescribedRow, joined
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.substrates import Substrate
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.review import ReviewDecision, doubts_of
from epitaxy_models.structures.display import display_formula

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StructureFacts:
    """What is known of one structure beside its features."""

    key: bytes
    reduced_formula: str
    elements: bytes
    domain: DomainScore
    review: ReviewDecision


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One item of a block, with its facts or the reason why there are none."""

    id: str
    outcome: StructureFacts | Refusal


@dataclass(frozen=True, slots=True, eq=False)
class FeatureAnswer:
    """Answers of one block.

    Attributes:
        rows: One per item, in order.
        blocks: Features by block of the items that have facts, ``[n_answered, width]``.
        properties: What the substrate predicts.
        values: Predicted values ``[n_answered, n_properties]``.
        stds: Standard deviations ``[n_answered, n_properties]``.
    """

    rows: Sequence[FeatureRow]
    blocks: Mapping[str, Array]
    properties: Sequence[PropertyDefinition]
    values: Array
    stds: Array


class FeatureService:
    """Featurizes blocks; what was seen before comes from the caches of embeddings, readings and descriptors."""

    def __init__(self, lanes: TenantLanes) -> None:
        self._lanes = lanes

    async def featurize(self, items: Sequence[Item], substrate: Substrate) -> FeatureAnswer:
        """Features of all items; every item ends in facts or its own refusal."""
        definitions = [entry.definition for entry in substrate.artifact.card.properties]
        predicted = await substrate.service.evaluate(items, Query(tuple(range(len(definitions)))))
        answers, embeddings = await substrate.service.embed(items)
        asked = [at for at, pair in enumerate(zip(predicted.answers, answers, strict=True)) if _is_complete(*pair)]
        accepted = [outcome for at in asked if isinstance(outcome := answers[at].outcome, Accepted)]
        own = embeddings[[answers[at].row for at in asked]]
        described: Sequence[DescribedRow | Refusal] = ()
        if accepted:
            tenant = current_request().tenant
            described = await self._lanes.run(tenant, lambda: substrate.features.describe(accepted, own))
        kept = [number for number, row in enumerate(described) if isinstance(row, DescribedRow)]
        rows = [row for row in described if isinstance(row, DescribedRow)]
        places = {asked[number]: row for number, row in zip(kept, rows, strict=True)}
        failures = {at: row for at, row in zip(asked, described, strict=True) if isinstance(row, Refusal)}
        blocks = joined([accepted[number] for number in kept], rows, own[kept], {}).blocks if rows else {}
        numbers = [predicted.answers[at].row for at in places]
        facts = {
            at: _facts(row, answers[at].outcome, predicted.prediction.domains[number], predicted.reviews[number])
            for (at, row), number in zip(places.items(), numbers, strict=True)
        }
        outcomes = [
            FeatureRow(item.id, facts.get(at) or failures.get(at) or _refusal(predicted.answers[at], answers[at]))
            for at, item in enumerate(items)
        ]
        prediction = predicted.prediction
        return FeatureAnswer(outcomes, blocks, definitions, prediction.values[numbers], prediction.stds[numbers])


def _is_complete(predicted: Answer, embedded: Answer) -> bool:
    return isinstance(predicted.outcome, Accepted) and isinstance(embedded.outcome, Accepted)


def _refusal(predicted: Answer, embedded: Answer) -> Refusal:
    return next(entry.outcome for entry in (embedded, predicted) if isinstance(entry.outcome, Refusal))


def _facts(
    row: DescribedRow, accepted: Accepted | ReadMaterial | Refusal, domain: DomainScore, review: ReviewDecision
) -> StructureFacts:
    if not isinstance(accepted, Accepted):
        raise TypeError("only a structure that was accepted has facts")
    numbers = accepted.structure.atomic_numbers
    judged = review.with_rules(doubts_of(accepted.repairs, accepted.notes))
    elements = np.unique(numbers).astype(np.uint8).tobytes()
    return StructureFacts(row.graph.key, display_formula(numbers), elements, domain, judged)
