"""The adapter to the gateway's own use cases: structures that were measured are metered as any others."""

import math
from collections.abc import Sequence

from epitaxy.api.models.v1.models_pb2 import GetModelRequest, GetModelResponse
from epitaxy.api.prediction.v1.prediction_pb2 import PredictResponse, ResultBlock, StructureResult
from epitaxy.gateway.domain import Chunk, ModelQuery
from epitaxy.gateway.measurements.domain import (
    NO_INTERVAL,
    PROBABILITIES,
    ModelChoice,
    PredictedValue,
    Predictions,
    Refusal,
    ServedModel,
)
from epitaxy.gateway.measurements.messages import encode_screen, model_version, selector, served_model
from epitaxy.gateway.service import GatewayService


class GatewayPredictor:
    """Implements the Predictor port."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def describe(self, model: ModelChoice) -> ServedModel:
        """Reads the model's card."""
        request = GetModelRequest(model=selector(model)).SerializeToString()
        response = await self._service.get_model(ModelQuery(request, model.name))
        return served_model(GetModelResponse.FromString(response).model)

    async def predict(
        self, model: ModelChoice, property_name: str, coverage: float, structures: Sequence[bytes]
    ) -> Predictions:
        """Predicts the structures in one chunk."""
        encoded = encode_screen(model, property_name, coverage, structures)
        answer = await self._service.predict(Chunk(encoded, len(structures), model.name, coverage))
        return _read_predictions(PredictResponse.FromString(answer.encoded).results, property_name, len(structures))


def _read_predictions(block: ResultBlock, property_name: str, n_structures: int) -> Predictions:
    names = [stamp.definition.name for stamp in block.properties]
    # The model may have changed since its card was read.
    position = names.index(property_name) if property_name in names else None
    unit = None if position is None else block.properties[position].definition.unit
    results = {result.id: result for result in block.results}
    is_probability = position is not None and block.properties[position].definition.is_probability
    found = (_outcome(results[str(index)], position) for index in range(n_structures))
    outcomes = tuple(PROBABILITIES if is_probability and isinstance(one, PredictedValue) else one for one in found)
    return Predictions(model_version(block.model), unit, outcomes)


def _outcome(result: StructureResult, position: int | None) -> PredictedValue | Refusal:
    if result.HasField("error"):
        return Refusal(result.error.reason, result.error.message, result.error.retryable)
    for value in result.prediction.values:
        interval = value.interval
        numbers = (value.value, interval.lower, interval.upper)
        if value.property_index == position and value.HasField("interval") and all(map(math.isfinite, numbers)):
            return PredictedValue(result.prediction.reduced_formula, *numbers, interval.coverage)
    return NO_INTERVAL
