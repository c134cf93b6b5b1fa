"""A tenant's model that knows conditions: values by item, other units, unknown ones, and wrong types."""

import numpy as np
import pytest

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import ConditionValue
from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy_models.testing.tenant_model import TenantModelRecipe, labelled_structures
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.strategies import BlockGP

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
CONDITIONS = (
    Condition("temperature", "K", (), 300.0, 900.0),
    Condition("route", "", ("flux", "sol-gel")),
)


@pytest.fixture(scope="module")
def model(artifact, embedder):
    return TenantModelRecipe(strategies=(BlockGP(),), n_members=1, conditions=CONDITIONS).model(artifact, embedder)


@pytest.fixture
def ask(tenants, model):
    """One crystal under conditions, an item each."""
    import tenant_rig

    tenants.publish("acme/volume", model)

    async def asked(*conditions):
        structures = [labelled_structures()[3]] * len(conditions)
        inputs = tenant_rig.inputs_of(structures)
        for item, values in zip(inputs, conditions, strict=True):
            for name, value in values.items():
                item.conditions[name].CopyFrom(_message(value))
        bind_request(RequestContext("r-1", "acme"))
        request = EvaluateRequest(options=PredictionOptions(model=ModelSelector(name="acme/volume")), structures=inputs)
        return (await tenants.servicer.evaluate(request)).results

    return asked


def _message(value):
    if isinstance(value, tuple):
        return ConditionValue(number=value[0], unit=value[1])
    return ConditionValue(category=value) if isinstance(value, str) else ConditionValue(number=value)


def value(result):
    return result.prediction.values[0].value


def width(result):
    interval = result.prediction.values[0].interval
    return interval.upper - interval.lower


async def test_one_crystal_has_an_answer_for_each_of_its_conditions(ask):
    block = await ask(
        {"temperature": 400.0, "route": "flux"},
        {"temperature": 800.0, "route": "flux"},
        {"temperature": 800.0, "route": "sol-gel"},
        {"temperature": (126.85, "degC"), "route": "flux"},
    )
    cold, warm, other, celsius = block.results
    assert value(warm) - value(cold) == pytest.approx(4.0, abs=1.5)
    assert value(other) - value(warm) == pytest.approx(3.0, abs=1.5)
    assert value(celsius) == pytest.approx(value(cold), abs=1e-6)
    assert not cold.prediction.notes


async def test_an_unknown_condition_is_said_and_makes_the_interval_wider(ask):
    block = await ask({"temperature": 600.0, "route": "flux"}, {"route": "flux"}, {"temperature": float("nan")}, {})
    known, cold, route, nothing = block.results
    assert [note.code for note in cold.prediction.notes] == ["MISSING_CONDITION"]
    assert cold.prediction.notes[0].message.startswith("temperature is not given")
    assert len(route.prediction.notes) == len(nothing.prediction.notes) == 2
    assert width(known) < width(cold) < width(nothing)


async def test_what_the_labels_do_not_cover_is_told_in_the_verdict(ask):
    block = await ask(
        {"temperature": 600.0, "route": "flux"}, {"temperature": 2000.0}, {"temperature": 600.0, "route": "melt"}
    )
    fine, hot, unseen = (result.prediction.domain for result in block.results)
    assert "temperature" not in fine.reason
    assert "temperature is 2000 K, and the labels cover 300 to 900 K" in hot.reason
    assert "no label has route 'melt', only flux, sol-gel" in unseen.reason
    assert {hot.verdict, unseen.verdict} <= {2, 3}


async def test_a_wrong_type_costs_its_item_only_and_tells_the_remedy(ask):
    block = await ask(
        {"temperature": "warm"},
        {"route": 7.0},
        {"temperature": (3.0, "GPa")},
        {"temperature": float("inf")},
        {"temperature": 500.0, "pressure": 3.0},
    )
    errors = [result.error for result in block.results]
    assert [error.reason for error in errors] == ["INVALID_CONDITION"] * 4 + [""]
    assert errors[0].message == "condition 'temperature' is 'warm': give a number in K"
    assert errors[1].message == "condition 'route' is the number 7, and the model knows categories: flux, sol-gel"
    assert errors[2].message == "'temperature' is given in GPa, which does not convert to K: give it in K"
    assert np.isfinite(value(block.results[4]))


async def test_the_card_names_the_conditions(tenants, model):
    tenants.publish("acme/volume", model)
    card = await tenants.card("acme", "acme/volume")
    temperature, route = card.conditions
    assert (temperature.name, temperature.unit, temperature.low, temperature.high) == ("temperature", "K", 300.0, 900.0)
    assert list(route.categories) == ["flux", "sol-gel"]
    assert not route.HasField("low")
