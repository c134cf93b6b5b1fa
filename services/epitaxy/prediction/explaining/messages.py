"""Explanations on the wire."""

from collections.abc import Sequence

from epitaxy.api.common.v1 import model_pb2, property_pb2, structure_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.api.prediction.v1 import explanation_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.service import Explained, ExplanationQuery
from epitaxy.prediction.messages import definition_message, item_error
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.explanation.explanation import (
    ElementContribution,
    Explanation,
    NearestMaterial,
    ShellContribution,
    SiteContribution,
)
from epitaxy_models.explanation.faithfulness import Faithfulness
from epitaxy_models.structures import Structure, pack_structures
from epitaxy_models.structures.display import display_formula

DEFAULT_NEAREST = 5
MAX_NEAREST = 20


def query_of(
    request: prediction_backend_pb2.ExplainBlockRequest, artifact: ModelArtifact, *, is_current: bool = True
) -> ExplanationQuery:
    """The query; raises InvalidRequestError for an unknown property or too many known materials."""
    names = [entry.definition.name for entry in artifact.card.properties]
    name = request.property or names[0]
    if name not in names:
        raise InvalidRequestError.of_field("property", f"the model has no {name}; it has {', '.join(names)}")
    check_nearest(request.n_nearest)
    substrate = "" if is_current else artifact.weights_digest
    return ExplanationQuery(name, request.n_nearest or DEFAULT_NEAREST, substrate)


def check_nearest(count: int) -> None:
    """Raises InvalidRequestError for more known materials than are named."""
    if count > MAX_NEAREST:
        raise InvalidRequestError.of_field("n_nearest", f"is {count}, at most {MAX_NEAREST} are allowed")


def explanations_message(
    explained: Sequence[Explained], query: ExplanationQuery, artifact: ModelArtifact
) -> prediction_backend_pb2.ExplainBlockResponse:
    """The answer to one message."""
    card = artifact.card
    stamp = model_pb2.ModelStamp(name=card.name, version=card.version, digest=artifact.digest)
    message = prediction_backend_pb2.ExplainBlockResponse(model=stamp, property=_definition(query.name, artifact))
    for one in explained:
        result = message.results.add(id=one.id)
        if isinstance(one.outcome, Refusal):
            result.error.CopyFrom(item_error(one.outcome))
        elif one.structure is not None:
            result.explanation.CopyFrom(_explanation(one.outcome, one.structure))
    return message


def _definition(name: str, artifact: ModelArtifact) -> property_pb2.PropertyDefinition:
    return next(definition_message(e.definition) for e in artifact.card.properties if e.definition.name == name)


def _explanation(explanation: Explanation, structure: Structure) -> explanation_pb2.Explanation:
    return explanation_pb2.Explanation(
        reduced_formula=display_formula(structure.atomic_numbers),
        value=explanation.value,
        baseline=explanation.baseline,
        completeness_error=explanation.completeness_error,
        sites=map(_site, explanation.sites),
        elements=map(_element, explanation.elements),
        shells=map(_shell, explanation.shells),
        faithfulness=faithfulness_message(explanation.faithfulness),
        nearest=map(nearest_message, explanation.nearest),
        structure=structure_pb2.PackedStructures(**pack_structures([structure])._asdict()),
        kind=structure_pb2.MATERIAL_KIND_STRUCTURE,
    )


def _site(site: SiteContribution) -> explanation_pb2.SiteContribution:
    return explanation_pb2.SiteContribution(
        atomic_number=site.atomic_number, value=site.spread.value, std=site.spread.std
    )


def _element(element: ElementContribution) -> explanation_pb2.ElementContribution:
    return explanation_pb2.ElementContribution(
        atomic_number=element.atomic_number,
        n_sites=element.n_sites,
        value=element.spread.value,
        std=element.spread.std,
    )


def _shell(entry: ShellContribution) -> explanation_pb2.ShellContribution:
    return explanation_pb2.ShellContribution(
        first_atomic_number=entry.shell.first,
        second_atomic_number=entry.shell.second,
        distance_angstrom=entry.shell.distance,
        coordination=entry.shell.coordination,
        value=entry.spread.value,
        std=entry.spread.std,
    )


def faithfulness_message(verdict: Faithfulness) -> explanation_pb2.Faithfulness:
    """A verdict on the wire."""
    return explanation_pb2.Faithfulness(
        deletion=verdict.deletion,
        insertion=verdict.insertion,
        random_deletion=verdict.random_deletion,
        random_insertion=verdict.random_insertion,
        beats_random=verdict.beats_random,
        n_parts=verdict.n_parts,
        n_random_orders=verdict.n_random_orders,
        is_faithful=verdict.is_faithful,
        reason=verdict.reason,
    )


def nearest_message(material: NearestMaterial) -> explanation_pb2.NearestMaterial:
    """A known material on the wire."""
    return explanation_pb2.NearestMaterial(
        id=material.id,
        formula=material.formula,
        space_group=material.space_group,
        distance=material.distance,
        labels=material.labels,
    )
