"""Features of a block into protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.featurizing.answers import FeatureAnswer
from epitaxy.prediction.messages import definition_message, item_error
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.substrates.substrate import Substrate
from epitaxy_models.transfer.inputs import FIDELITIES, SUBSTRATE


def features_message(answer: FeatureAnswer, artifact: ModelArtifact) -> prediction_backend_pb2.FeaturizeBlockResponse:
    """Features of one block of crystals on the wire, float32."""
    columns: dict[str, Sequence[str]] = {SUBSTRATE: artifact.card.heads}
    if artifact.fidelity_heads is not None:
        columns[FIDELITIES] = artifact.fidelity_heads.columns
    return _message(answer, artifact.card, artifact.digest, artifact.weights_digest, columns)


def material_features_message(
    answer: FeatureAnswer, substrate: Substrate[Any]
) -> prediction_backend_pb2.FeaturizeBlockResponse:
    """The same of materials without a crystal."""
    card, digest = substrate.card, substrate.digest
    return _message(answer, card, digest, digest, {SUBSTRATE: card.heads})


def _message(
    answer: FeatureAnswer, card: ModelCard, digest: str, weights_digest: str, columns: Mapping[str, Sequence[str]]
) -> prediction_backend_pb2.FeaturizeBlockResponse:
    message = prediction_backend_pb2.FeaturizeBlockResponse(
        model=model_pb2.ModelStamp(name=card.name, version=card.version, digest=digest), weights_digest=weights_digest
    )
    for row in answer.rows:
        entry = message.structures.add(id=row.id)
        if isinstance(row.outcome, Refusal):
            entry.error.CopyFrom(item_error(row.outcome))
            continue
        facts = row.outcome
        entry.key, entry.reduced_formula, entry.elements = facts.key, facts.reduced_formula, facts.elements
        entry.domain_score, entry.domain_verdict = facts.domain.score, facts.domain.verdict.value
        entry.review_verdict = facts.review.verdict.value
    for name, block in answer.blocks.items():
        values = block.astype("<f4").tobytes()
        message.blocks.add(name=name, width=block.shape[1], values=values, columns=columns.get(name, ()))
    for column, definition in enumerate(answer.properties):
        message.estimates.add(
            property=definition_message(definition),
            values=answer.values[:, column].astype("<f8").tobytes(),
            stds=answer.stds[:, column].astype("<f8").tobytes(),
        )
    return message
