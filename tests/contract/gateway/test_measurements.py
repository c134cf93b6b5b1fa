"""MeasurementService at the edge, before the real backend on a real sqlite: predicted, metered, kept, and judged."""

import json

import grpc
import pytest
from prometheus_client import CollectorRegistry

from epitaxy.api.common.v1.model_pb2 import ModelSelector, ModelStamp
from epitaxy.api.common.v1.property_pb2 import PredictionInterval, PropertyDefinition
from epitaxy.api.common.v1.structure_pb2 import ItemError, StructureInput
from epitaxy.api.internal.v1 import measurement_backend_pb2_grpc, prediction_backend_pb2, prediction_backend_pb2_grpc
from epitaxy.api.measurements.v1 import measurements_pb2 as pb
from epitaxy.api.measurements.v1 import measurements_pb2_grpc
from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.gateway_trust import gateway_interceptors
from epitaxy.chassis.metrics import RpcMetrics
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.database.tables import Database
from epitaxy.measurements.service import MeasurementService
from epitaxy.measurements.servicer import MeasurementServicer
from epitaxy.measurements.store import SqlMeasurementStore

SECRET = "open sesame"
UNITS = {"formation_energy": "eV/atom", "gap": "eV"}


class MeasurableBackend(prediction_backend_pb2_grpc.PredictionBackendServiceServicer):
    """Says 2 with an interval of 1 to 3 of every good structure; a wide one has no interval at all."""

    def __init__(self):
        self.seen = []
        self.units = UNITS
        self.champion = "1"

    async def Evaluate(self, request, context):
        self.seen.append(request)
        names = list(request.options.properties)
        results = [
            self._result(name, structure.cif, len(names))
            for name, structure in zip(structure_ids(request.structures), request.structures, strict=True)
        ]
        stamps = [
            prediction_pb2.PropertyStamp(definition=PropertyDefinition(name=name, unit=self.units[name]))
            for name in names
        ]
        block = prediction_pb2.ResultBlock(
            model=self._stamp(request.options.model), properties=stamps, results=reversed(results)
        )
        return prediction_backend_pb2.EvaluateResponse(results=block)

    async def GetServedModel(self, request, context):
        properties = [
            models_pb2.PropertyCard(definition=PropertyDefinition(name=name, unit=unit)) for name, unit in UNITS.items()
        ]
        card = models_pb2.ModelCard(stamp=self._stamp(request.model), properties=properties)
        return prediction_backend_pb2.GetServedModelResponse(model=card)

    def _stamp(self, selector):
        return ModelStamp(
            name=selector.name or "crystals", version=selector.version or self.champion, digest="sha256:0"
        )

    def _result(self, name, cif, n_properties):
        if cif == "bad":
            error = ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites first")
            return prediction_pb2.StructureResult(id=name, error=error)
        interval = PredictionInterval(lower=1.0, upper=float("inf") if cif == "wide" else 3.0, coverage=0.9)
        values = [
            prediction_pb2.PropertyValue(property_index=index, value=2.0, interval=interval)
            for index in range(n_properties)
        ]
        prediction = prediction_pb2.StructurePrediction(reduced_formula="NaCl", values=values)
        return prediction_pb2.StructureResult(id=name, prediction=prediction)


@pytest.fixture
def backend():
    return MeasurableBackend()


@pytest.fixture
def keys():
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture
async def keeper(stack, tmp_path):
    """Address of the real backend of measurements; a tenant may hold 70."""
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    stack.callback(database.close)
    service = MeasurementService(SqlMeasurementStore(database), lambda tenant: 70)
    interceptors = gateway_interceptors(RpcMetrics(CollectorRegistry(), "keeper"), SECRET, 60.0)
    server = grpc.aio.server(interceptors=interceptors)
    measurement_backend_pb2_grpc.add_MeasurementBackendServiceServicer_to_server(MeasurementServicer(service), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return f"127.0.0.1:{port}"


class Caller:
    """Calls as one tenant."""

    def __init__(self, edge, key):
        self.edge, self._metadata = edge, (("authorization", f"Bearer {key}"),)
        self._stub = measurements_pb2_grpc.MeasurementServiceStub(edge.channel)

    async def report(self, request):
        return await self._stub.ReportMeasurements(request, metadata=self._metadata)

    async def health(self, **selector):
        request = pb.GetModelHealthRequest(model=ModelSelector(**selector))
        return await self._stub.GetModelHealth(request, metadata=self._metadata)

    async def refusal(self, request):
        with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
            await (self.health() if request is None else self.report(request))
        return caught.value


@pytest.fixture
async def start_callers(start_edge, keeper, keys, tmp_path):
    async def start(per_minute=None, **changes):
        limits = {} if per_minute is None else {"structures_per_minute": per_minute}
        tenants = {name: {"key_hashes": [str(KeyHash.of(key))], **limits} for name, key in keys.items()}
        (tmp_path / "tenants.json").write_text(json.dumps(tenants))
        (tmp_path / "tenants.json").chmod(0o600)
        (tmp_path / "secret").write_text(SECRET)
        options = {"finetune_upstream": keeper, "finetune_secret_file": tmp_path / "secret"}
        edge = await start_edge(**({"tenants_file": tmp_path / "tenants.json"} | options | changes))
        return {name: Caller(edge, key) for name, key in keys.items()}

    return start


@pytest.fixture
async def acme(start_callers):
    return (await start_callers())["acme"]


def report(*values, unit="eV/atom", cif="good", first=0, **fields):
    measurements = [
        pb.Measurement(id=f"m{first + index}", structure=StructureInput(cif=cif), value=value)
        for index, value in enumerate(values)
    ]
    return pb.ReportMeasurementsRequest(unit=unit, measurements=measurements, **fields)


def reason(error):
    return from_trailing_metadata(error.trailing_metadata()).reason


async def test_what_is_measured_is_predicted_kept_and_judged(acme, backend):
    answer = await acme.report(report(2.5, 9.0))
    assert (answer.model.name, answer.model.version) == ("crystals", "1")
    assert [result.id for result in answer.results] == ["m0", "m1"]
    first, second = (result.recorded for result in answer.results)
    assert (first.predicted, first.lower, first.upper, first.coverage) == (2.0, 1.0, 3.0, 0.9)
    assert (first.is_inside, second.is_inside, first.is_repeat) == (True, False, False)
    health = answer.health
    assert (health.property, health.unit, health.n_measurements) == ("formation_energy", "eV/atom", 2)
    assert (health.coverage, health.bias, health.verdict) == (0.5, 3.75, pb.HEALTH_VERDICT_TOO_FEW)
    (asked,) = backend.seen
    assert (list(asked.options.properties), asked.options.coverage) == (["formation_energy"], 0.9)
    assert (await acme.health()).properties[0] == health


async def test_a_repeat_is_known_and_another_value_under_its_id_is_a_conflict(acme):
    await acme.report(report(2.5, 2.5))
    answer = await acme.report(report(2.5, 2.75, 2.0))
    assert answer.results[0].recorded.is_repeat
    assert answer.results[1].error.reason == "MEASUREMENT_CONFLICT"
    assert "known with 2.5, and 2.75 is reported" in answer.results[1].error.message
    assert not answer.results[2].recorded.is_repeat
    assert answer.health.n_total == 3


async def test_a_structure_that_is_refused_or_has_no_interval_costs_its_neighbours_nothing(acme):
    request = report(2.0, 2.0, 2.0)
    request.measurements[0].structure.cif, request.measurements[2].structure.cif = "bad", "wide"
    answer = await acme.report(request)
    assert [result.WhichOneof("outcome") for result in answer.results] == ["error", "recorded", "error"]
    assert [answer.results[index].error.reason for index in (0, 2)] == ["PARTIAL_OCCUPANCY", "NO_INTERVAL"]
    assert answer.health.n_total == 1
    refused = await acme.report(report(2.0, cif="bad", first=7))
    assert (refused.results[0].error.reason, refused.health.n_total) == ("PARTIAL_OCCUPANCY", 1)


async def test_a_packed_structure_is_found_by_its_measurement(acme, packed):
    request = report(2.0, 2.0)
    request.measurements[1].structure.CopyFrom(packed(1, ids=("mine",)))
    answer = await acme.report(request)
    assert [result.recorded.is_inside for result in answer.results] == [True, True]


async def test_twenty_misses_are_overconfidence(acme):
    answer = await acme.report(report(*[9.0] * 20))
    assert answer.health.verdict == pb.HEALTH_VERDICT_OVERCONFIDENT
    assert (answer.health.band_lower, answer.health.band_upper) == (0.7, 1.0)


async def test_another_tenant_sees_none_of_it(start_callers):
    callers = await start_callers()
    await callers["acme"].report(report(2.5))
    assert not (await callers["globex"].health()).properties
    answer = await callers["globex"].report(report(7.0))
    assert (answer.results[0].recorded.is_repeat, answer.health.n_total) == (False, 1)
    assert (await callers["acme"].health()).properties[0].n_total == 1


async def test_versions_are_held_to_account_one_by_one_and_an_alias_is_resolved(acme, backend):
    await acme.report(report(2.5))
    backend.champion = "2"
    assert not (await acme.health(alias="champion")).properties
    answer = await acme.report(report(2.5))
    assert (answer.model.version, answer.results[0].recorded.is_repeat) == ("2", False)
    old = await acme.health(version="1")
    assert (old.model.version, old.properties[0].n_total) == ("1", 1)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (report(), "measurements: has 0 entries; 1 to 64 are allowed"),
        (report(*[2.0] * 65), "measurements: has 65 entries; 1 to 64 are allowed"),
        (report(2.0, float("nan")), r"measurements[1].value: is nan, and must be a finite number"),
        (report(2.0, unit="eV"), "unit: is 'eV', and formation_energy is in 'eV/atom': convert the values"),
        (report(2.0, unit=""), "unit: is '', and formation_energy is in 'eV/atom': convert the values"),
        (
            report(2.0, property="mass"),
            "property: the model has no 'mass'; it has formation_energy, gap",
        ),
        (
            pb.ReportMeasurementsRequest(unit="eV/atom", measurements=[pb.Measurement(id="a")]),
            "measurements[0].structure: must be one structure",
        ),
        (
            pb.ReportMeasurementsRequest(measurements=[pb.Measurement(structure=StructureInput(cif="good"))]),
            "measurements[0].id: must have 1 to 128 printable characters",
        ),
        (
            pb.ReportMeasurementsRequest(measurements=[*report(2.0).measurements, *report(3.0).measurements]),
            "measurements[1].id: is the id of measurements[0] as well",
        ),
    ],
)
async def test_a_wrong_message_is_refused_before_anything_is_predicted(acme, backend, wrong, text):
    error = await acme.refusal(wrong)
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    assert not backend.seen
    assert "epitaxy_gateway_tenant_structures_total" not in "".join(await acme.edge.metrics())


async def test_two_structures_under_one_id_are_refused(acme, packed):
    request = report(2.0)
    request.measurements[0].structure.CopyFrom(packed(2))
    assert (await acme.refusal(request)).details() == "measurements[0].structure: must be one structure"


async def test_a_unit_that_changed_since_the_card_was_read_records_nothing(acme, backend):
    backend.units = {"formation_energy": "meV/atom"}
    assert "is in 'meV/atom'" in (await acme.refusal(report(2.0))).details()
    assert not (await acme.health()).properties


async def test_another_tenants_model_looks_like_none(acme, backend):
    error = await acme.refusal(report(2.0, model=ModelSelector(name="globex/tc")))
    assert (error.code(), reason(error)) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_MODEL")
    with pytest.raises(grpc.aio.AioRpcError, match="no model named"):
        await acme.health(name="globex/tc")
    assert not backend.seen


async def test_structures_are_metered_as_those_of_predictions(start_callers):
    acme = (await start_callers(per_minute=10))["acme"]
    await acme.report(report(*[2.0] * 10))
    error = await acme.refusal(report(2.0, first=10))
    assert (error.code(), reason(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    assert (await acme.edge.metrics())['epitaxy_gateway_tenant_structures_total{tenant="acme"}'] == 10


async def test_the_quota_of_measurements_is_told(acme):
    await acme.report(report(*[2.0] * 64))
    error = await acme.refusal(report(*[2.0] * 7, first=64))
    assert (error.code(), reason(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MEASUREMENT_QUOTA")
    assert error.details() == "71 measurements would be kept and the quota is 70: ask for a larger one"


async def test_without_a_fine_tune_service_nothing_is_predicted_and_the_reason_is_said(start_callers, backend):
    acme = (await start_callers(finetune_upstream=""))["acme"]
    for request in (report(2.0), None):
        error = await acme.refusal(request)
        assert (error.code(), reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "MEASUREMENTS_NOT_CONFIGURED")
        assert "the fine-tune service, which is not set up on this server" in error.details()
    assert not backend.seen


async def test_a_keeper_that_is_gone_is_unavailable_and_may_be_asked_again(start_callers, unused_tcp_port):
    acme = (await start_callers(finetune_upstream=f"127.0.0.1:{unused_tcp_port}"))["acme"]
    error = await acme.refusal(report(2.0))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert str(unused_tcp_port) not in error.details()
