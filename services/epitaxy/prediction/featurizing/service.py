"""All that models of a substrate read of a block of structures: features, domain, review, canonical key."""

from collections.abc import Sequence

import numpy as np

from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.domain import Accepted, Answer, Item, Query, ReadMaterial, Refusal
from epitaxy.prediction.featurizing.answers import FeatureAnswer, FeatureRow, StructureFacts
from epitaxy.prediction.featurizing.materials import MaterialFeatureService
from epitaxy.prediction.tenants.features import DescribedRow, joined
from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.substrates import Substrate
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.review import ReviewDecision, doubts_of
from epitaxy_models.structures.display import display_formula


class FeatureService:
    """Featurizes blocks; what was seen before comes from the caches of embeddings, readings and descriptors."""

    def __init__(self, lanes: TenantLanes) -> None:
        self._lanes = lanes
        self.of_materials = MaterialFeatureService(lanes)

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
