"""Outcomes held against a model of probabilities are refused: no interval of a probability holds an outcome."""

import pytest

from epitaxy.api.prediction.v1.prediction_pb2 import ResultBlock
from epitaxy.gateway.measurements.domain import PROBABILITIES, PredictedValue
from epitaxy.gateway.measurements.predictor import _read_predictions


@pytest.mark.parametrize("is_probability", [True, False])
def test_a_probability_is_no_interval_to_hold_an_outcome_to(is_probability):
    block = ResultBlock()
    definition = block.properties.add().definition
    definition.name, definition.unit, definition.is_probability = "is_glass", "1", is_probability
    for name in ("0", "1"):
        result = block.results.add(id=name)
        if name == "1":
            result.error.reason = "SALT"
            continue
        value = result.prediction.values.add(value=0.7)
        value.interval.lower, value.interval.upper, value.interval.coverage = 0.5, 0.8, 0.9
    answered, refused = _read_predictions(block, "is_glass", 2).outcomes
    assert refused.reason == "SALT"
    if is_probability:
        assert answered == PROBABILITIES
    else:
        assert isinstance(answered, PredictedValue)
