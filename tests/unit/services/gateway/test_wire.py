"""Bytes pass between public and internal messages unread: both must be alike, field by field."""

import pytest

from epitaxy.api.internal.v1 import measurement_backend_pb2, prediction_backend_pb2
from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import explanation_pb2, prediction_pb2, structures_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.gateway.messages import parse

PAIRS = [
    (prediction_pb2.ScreenRequest, prediction_backend_pb2.EvaluateRequest),
    (prediction_pb2.PredictResponse, prediction_backend_pb2.EvaluateResponse),
    (prediction_pb2.EmbedRequest, prediction_backend_pb2.EmbedBlockRequest),
    (prediction_pb2.EmbedResponse, prediction_backend_pb2.EmbedBlockResponse),
    (explanation_pb2.ExplainRequest, prediction_backend_pb2.ExplainBlockRequest),
    (explanation_pb2.ExplainResponse, prediction_backend_pb2.ExplainBlockResponse),
    (structures_pb2.ValidateRequest, prediction_backend_pb2.ValidateBlockRequest),
    (structures_pb2.ValidateResponse, prediction_backend_pb2.ValidateBlockResponse),
    (models_pb2.ListModelsRequest, prediction_backend_pb2.ListServedModelsRequest),
    (models_pb2.ListModelsResponse, prediction_backend_pb2.ListServedModelsResponse),
    (models_pb2.GetModelRequest, prediction_backend_pb2.GetServedModelRequest),
    (models_pb2.GetModelResponse, prediction_backend_pb2.GetServedModelResponse),
    (measurements_pb2.GetModelHealthResponse, measurement_backend_pb2.ReadModelHealthResponse),
]


def fields(message):
    return {
        field.number: (field.name, field.type, field.is_repeated, field.message_type and field.message_type.full_name)
        for field in message.DESCRIPTOR.fields
    }


@pytest.mark.parametrize(("public", "internal"), PAIRS, ids=[internal.__name__ for _, internal in PAIRS])
def test_an_internal_message_has_the_fields_of_its_public_counterpart(public, internal):
    assert fields(internal) == fields(public)


# Asked by the campaign service alone, which the gateway stands in front of: there is no public call that it forwards.
NOT_PUBLIC = {
    "FeaturizeBlockRequest",
    "FeaturizeBlockResponse",
    "ScoreCandidatesRequest",
    "ScoreCandidatesResponse",
}


def test_every_internal_message_of_predictions_has_its_counterpart():
    (service,) = prediction_backend_pb2.DESCRIPTOR.services_by_name.values()
    used = {message.name for method in service.methods for message in (method.input_type, method.output_type)}
    assert used >= NOT_PUBLIC
    used -= NOT_PUBLIC
    assert used == {internal.__name__ for _, internal in PAIRS if internal.DESCRIPTOR.file is service.file}


def test_a_predict_is_an_evaluate_without_a_sequence_and_a_screens_answer_is_that_of_an_evaluate():
    evaluate = fields(prediction_backend_pb2.EvaluateRequest)
    del evaluate[3]
    assert fields(prediction_pb2.PredictRequest) == evaluate
    screen = fields(prediction_pb2.ScreenResponse)
    assert screen[1] == fields(prediction_backend_pb2.EvaluateResponse)[1]


def test_bytes_that_are_no_request_are_refused():
    with pytest.raises(InvalidRequestError, match=r"not a valid epitaxy\.prediction\.v1\.PredictRequest"):
        parse(prediction_pb2.PredictRequest, b"\xff\xff")
