"""The use cases of measurements as an edge without gRPC and protobuf calls them."""

import json

import pytest

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.gateway.measurements.domain import (
    NO_INTERVAL,
    KeptBatch,
    MeasurableProperty,
    Measurement,
    ModelChoice,
    ModelVersion,
    PredictedValue,
    Predictions,
    Refusal,
    Report,
    ServedModel,
)
from epitaxy.gateway.measurements.service import MeasurementService

VERSION = ModelVersion("crystals", "1", "sha256:0")
SERVED = ServedModel(VERSION, (MeasurableProperty("gap", "eV"), MeasurableProperty("tc", "K")))
PREDICTED = PredictedValue("NaCl", 2.0, 1.0, 3.0, 0.9)


class Predictor:
    """Implements the port: says ``PREDICTED`` of each structure but those whose outcome a test has set."""

    def __init__(self):
        self.asked = []
        self.unit = "eV"
        self.outcomes = {}

    async def describe(self, model):
        return SERVED

    async def predict(self, model, property_name, coverage, structures):
        self.asked.append((model, property_name, coverage, tuple(structures)))
        return Predictions(VERSION, self.unit, tuple(self.outcomes.get(name, PREDICTED) for name in structures))


class Keeper:
    """Implements the port with a list."""

    def __init__(self):
        self.is_configured = True
        self.batches = []

    def check_configured(self):
        if not self.is_configured:
            raise FailedPreconditionError("no measurements here")

    async def record(self, batch):
        self.batches.append(batch)
        results = {measurement.id: f"kept {measurement.id}".encode() for measurement in batch.measurements}
        return KeptBatch(results, json.dumps({"n": len(results)}).encode())

    async def read_health(self, model):
        return f"health of {model.name}:{model.version}".encode()


@pytest.fixture
def predictor():
    return Predictor()


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
async def service(predictor, keeper):
    bind_request(RequestContext(tenant="acme"))
    return MeasurementService(predictor, keeper)


def report(*ids, unit="eV", model=ModelChoice(), property_name="", n_structures=1, value=2.5):  # noqa: B008  # frozen
    measurements = tuple(Measurement(name, value, name.encode(), n_structures) for name in ids)
    return Report(model, property_name, unit, measurements)


async def test_what_is_predicted_is_kept_and_the_rest_is_refused_in_the_callers_order(service, predictor, keeper):
    predictor.outcomes = {b"b": Refusal("PARTIAL_OCCUPANCY", "order the sites first"), b"d": NO_INTERVAL}
    answer = await service.report(report("a", "b", "c", "d"))
    assert answer.model == VERSION
    assert answer.results == (
        ("a", b"kept a"),
        ("b", Refusal("PARTIAL_OCCUPANCY", "order the sites first")),
        ("c", b"kept c"),
        ("d", NO_INTERVAL),
    )
    assert json.loads(answer.health) == {"n": 2}
    (batch,) = keeper.batches
    assert (batch.model, batch.property, batch.unit) == (VERSION, "gap", "eV")
    assert [(kept.id, kept.value, kept.predicted) for kept in batch.measurements] == [
        ("a", 2.5, PREDICTED),
        ("c", 2.5, PREDICTED),
    ]


async def test_the_models_first_property_is_meant_at_the_coverage_that_intervals_are_held_to(service, predictor):
    choice = ModelChoice("acme/tc", alias="candidate")
    await service.report(report("a", model=choice))
    assert predictor.asked == [(choice, "gap", 0.9, (b"a",))]
    assert await service.read_health(ModelChoice()) == b"health of crystals:1"


@pytest.mark.parametrize(
    ("wrong", "refusal", "text"),
    [
        (report(), InvalidRequestError, "measurements: has 0 entries; 1 to 64 are allowed"),
        (report("a", "b", "a"), InvalidRequestError, r"measurements\[2\]\.id: is the id of measurements\[0\] as well"),
        (report("a", n_structures=2), InvalidRequestError, r"measurements\[0\]\.structure: must be one structure"),
        (report("a", value=float("inf")), InvalidRequestError, r"measurements\[0\]\.value: is inf"),
        (report("a", unit="K"), InvalidRequestError, "unit: is 'K', and gap is in 'eV'"),
        (report("a", property_name="mass"), InvalidRequestError, "the model has no 'mass'; it has gap, tc"),
        (report("a", model=ModelChoice("globex/tc")), NotFoundError, "no model named 'globex/tc'"),
    ],
)
async def test_whatever_can_be_refused_is_refused_before_anything_is_predicted(
    service, predictor, keeper, wrong, refusal, text
):
    with pytest.raises(refusal, match=text):
        await service.report(wrong)
    assert predictor.asked == keeper.batches == []


async def test_a_unit_that_changed_since_the_card_was_read_keeps_nothing(service, predictor, keeper):
    predictor.unit = "meV"
    with pytest.raises(InvalidRequestError, match="unit: is 'eV', and gap is in 'meV'"):
        await service.report(report("a"))
    assert keeper.batches == []


async def test_a_server_that_keeps_no_measurements_says_so_first(service, predictor, keeper):
    keeper.is_configured = False
    for call in (service.report(report()), service.read_health(ModelChoice())):
        with pytest.raises(FailedPreconditionError, match="no measurements here"):
            await call
    assert predictor.asked == []
