"""Explanations of materials without a crystal on the wire."""

from collections.abc import Sequence

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.api.prediction.v1 import explanation_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.materials import ExplainedMaterial, MaterialQuery
from epitaxy.prediction.explaining.messages import (
    DEFAULT_NEAREST,
    check_nearest,
    faithfulness_message,
    nearest_message,
)
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.messages import KINDS, definition_message, item_error
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.explanation.materials.explanation import (
    AtomShare,
    BondShare,
    ConditionShare,
    ElementShare,
    MaterialExplanation,
)
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.structures.elements import atomic_number_of

Response = prediction_backend_pb2.ExplainBlockResponse


def material_query_of(
    request: prediction_backend_pb2.ExplainBlockRequest,
    definitions: Sequence[PropertyDefinition],
    served: ServedVersion | None = None,
) -> tuple[MaterialQuery, PropertyDefinition]:
    """The query and the property; raises InvalidRequestError for one that the model lacks, or too many materials."""
    names = [definition.name for definition in definitions]
    name = request.property or names[0]
    if name not in names:
        raise InvalidRequestError.of_field("property", f"the model has no {name}; it has {', '.join(names)}")
    check_nearest(request.n_nearest)
    version = None if served is None else served.version
    query = MaterialQuery(name, request.n_nearest or DEFAULT_NEAREST, version)
    return query, definitions[names.index(name)]


def definitions_of(service: MaterialService) -> list[PropertyDefinition]:
    """The properties of a substrate."""
    return [entry.definition for entry in service.substrate.card.properties]


def substrate_stamp(service: MaterialService) -> model_pb2.ModelStamp:
    """The weights of a substrate."""
    card = service.substrate.card
    return model_pb2.ModelStamp(name=card.name, version=card.version, digest=service.substrate.digest)


def tenant_stamp(served: ServedVersion) -> model_pb2.ModelStamp:
    """The version of a tenant's model."""
    version = served.version
    return model_pb2.ModelStamp(name=str(version.model), version=version.version, digest=version.digest)


def explained_message(
    explained: Sequence[ExplainedMaterial], stamp: model_pb2.ModelStamp, definition: PropertyDefinition
) -> Response:
    """The answer to one message."""
    message = Response(model=stamp, property=definition_message(definition))
    for one in explained:
        result = message.results.add(id=one.id)
        if isinstance(one.outcome, Refusal):
            result.error.CopyFrom(item_error(one.outcome))
        else:
            result.explanation.CopyFrom(_explanation(one.outcome))
    return message


def merged_explanations(parts: Sequence[tuple[Sequence[int], Response]]) -> Response:
    """One answer in the order of the message; what another model than the first explained names it."""
    first = parts[0][1]
    whole = Response(model=first.model, property=first.property)
    results: dict[int, explanation_pb2.ExplanationResult] = {}
    for positions, part in parts:
        for position, result in zip(positions, part.results, strict=True):
            if part.model != whole.model and result.HasField("explanation"):
                result.explanation.model.CopyFrom(part.model)
                result.explanation.property.CopyFrom(part.property)
            results[position] = result
    whole.results.extend(results[position] for position in sorted(results))
    return whole


def _explanation(explanation: MaterialExplanation) -> explanation_pb2.Explanation:
    return explanation_pb2.Explanation(
        kind=KINDS[explanation.kind],
        reduced_formula=explanation.formula,
        value=explanation.value,
        baseline=explanation.baseline,
        baseline_material=explanation.baseline_material,
        baseline_description=explanation.baseline_words,
        method=explanation.method,
        completeness_error=explanation.completeness_error,
        sampling_error=explanation.sampling_error,
        atoms=map(_atom, explanation.atoms),
        bonds=map(_bond, explanation.bonds),
        elements=map(_element, explanation.elements),
        conditions=map(_condition, explanation.conditions),
        faithfulness=faithfulness_message(explanation.faithfulness),
        nearest=map(nearest_message, explanation.nearest),
        drawing_svg=explanation.drawing,
    )


def _atom(atom: AtomShare) -> explanation_pb2.AtomContribution:
    return explanation_pb2.AtomContribution(
        atomic_number=atomic_number_of(atom.symbol) or 0,
        unit=atom.unit,
        index=atom.index,
        value=atom.spread.value,
        std=atom.spread.std,
    )


def _bond(bond: BondShare) -> explanation_pb2.BondContribution:
    return explanation_pb2.BondContribution(
        unit=bond.unit,
        first_index=bond.first,
        second_index=bond.second,
        order=bond.order,
        value=bond.spread.value,
        std=bond.spread.std,
    )


def _element(element: ElementShare) -> explanation_pb2.ElementContribution:
    return explanation_pb2.ElementContribution(
        atomic_number=element.atomic_number,
        n_sites=element.n_atoms,
        fraction=element.fraction,
        value=element.spread.value,
        std=element.spread.std,
    )


def _condition(condition: ConditionShare) -> explanation_pb2.ConditionContribution:
    return explanation_pb2.ConditionContribution(
        name=condition.name,
        text=condition.text,
        unit=condition.unit,
        value=condition.spread.value,
        std=condition.spread.std,
    )
