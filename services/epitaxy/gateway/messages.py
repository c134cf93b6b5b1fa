"""Requests on the wire: reads what the use cases need to know about them, and leaves their bytes as they are."""

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.models.v1.models_pb2 import GetModelRequest, ListModelsRequest
from epitaxy.api.prediction.v1.explanation_pb2 import ExplainRequest
from epitaxy.api.prediction.v1.prediction_pb2 import EmbedRequest, PredictionOptions, PredictRequest, ScreenRequest
from epitaxy.api.prediction.v1.structures_pb2 import ValidateRequest
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.structure_ids import count_structures
from epitaxy.gateway.bounds import check_structures, check_texts
from epitaxy.gateway.domain import Chunk, ExplainQuery, ModelQuery, ModelsPage, StructureBlock

MessageT = TypeVar("MessageT", bound=Message)


def parse(kind: type[MessageT], encoded: bytes) -> MessageT:
    """A request. Raises InvalidRequestError if the bytes are none."""
    try:
        return kind.FromString(encoded)
    except DecodeError as error:
        raise InvalidRequestError(f"the request is not a valid {kind.DESCRIPTOR.full_name}") from error


def read_predict(encoded: bytes) -> Chunk:
    """A PredictRequest; its bytes are those of an EvaluateRequest, too. Raises InvalidRequestError, as all below."""
    request = parse(PredictRequest, encoded)
    return _chunk(encoded, request.options, request.structures)


def read_screen(encoded: bytes) -> Chunk:
    """A ScreenRequest; its bytes are those of an EvaluateRequest, too."""
    request = parse(ScreenRequest, encoded)
    return _chunk(encoded, request.options, request.structures, request.sequence)


def read_embed(encoded: bytes) -> StructureBlock:
    """An EmbedRequest."""
    request = parse(EmbedRequest, encoded)
    check_texts(request.model, "model.")
    check_structures(request.structures)
    return StructureBlock(encoded, count_structures(request.structures), request.model.name)


def read_explain(encoded: bytes) -> ExplainQuery:
    """An ExplainRequest."""
    request = parse(ExplainRequest, encoded)
    check_texts(request)
    return ExplainQuery(encoded, count_structures(request.structures), request.model.name, request.n_nearest)


def read_validate(encoded: bytes) -> StructureBlock:
    """A ValidateRequest."""
    structures = parse(ValidateRequest, encoded).structures
    check_structures(structures)
    return StructureBlock(encoded, count_structures(structures))


def read_list_models(encoded: bytes) -> ModelsPage:
    """A ListModelsRequest."""
    request = parse(ListModelsRequest, encoded)
    check_texts(request)
    return ModelsPage(encoded, request.page_size)


def read_get_model(encoded: bytes) -> ModelQuery:
    """A GetModelRequest."""
    request = parse(GetModelRequest, encoded)
    check_texts(request)
    return ModelQuery(encoded, request.model.name)


def _chunk(
    encoded: bytes, options: PredictionOptions, structures: Sequence[StructureInput], sequence: int = 0
) -> Chunk:
    check_texts(options, "options.")
    check_structures(structures)
    return Chunk(encoded, count_structures(structures), options.model.name, options.coverage, sequence)
