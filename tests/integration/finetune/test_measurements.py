"""Measurements at the whole service: metrics that survive a restart, and a tenant's deletion."""

import asyncio
import urllib.request

import grpc
import pytest
from service_caller import SECRET

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.api.internal.v1 import measurement_backend_pb2 as pb
from epitaxy.api.internal.v1.measurement_backend_pb2_grpc import MeasurementBackendServiceStub

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")

MODEL = ModelStamp(name="substrate-mp", version="7", digest="sha256:0")


def record(count, value=1.0, first=0):
    measurements = [
        pb.PredictedMeasurement(
            id=f"m{number}", reduced_formula="NaCl", value=value, predicted=1.0, lower=0.5, upper=1.5, coverage=0.9
        )
        for number in range(first, first + count)
    ]
    return pb.RecordMeasurementsRequest(model=MODEL, property="gap", unit="eV", measurements=measurements)


async def measured(service, tenant):
    """Samples of the tenant at the metrics endpoint, by name."""
    text = await asyncio.to_thread(fetch, f"http://127.0.0.1:{service.server.metrics_port}/metrics")
    samples = (line.rsplit(" ", 1) for line in text.splitlines() if f'tenant="{tenant}"' in line)
    return {name.partition("{")[0]: float(value) for name, value in samples}


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


async def test_metrics_are_right_after_a_restart_and_gone_with_the_tenant(start_service):
    first = await start_service()
    caller, other = first.caller, first.caller.other()
    backend = MeasurementBackendServiceStub(first.channel)
    await backend.RecordMeasurements(record(30), metadata=caller.metadata)
    await backend.RecordMeasurements(record(10, 9.0, first=30), metadata=caller.metadata)
    await backend.RecordMeasurements(record(5), metadata=other.metadata)
    before = await measured(first, caller.tenant)
    assert before == {
        "epitaxy_measurements_total": 40.0,
        "epitaxy_measurements_coverage_ratio": 0.75,
        "epitaxy_measurements_nominal_coverage_ratio": pytest.approx(0.9),
        "epitaxy_measurements_band_lower_ratio": 0.75,
        "epitaxy_measurements_band_upper_ratio": 1.0,
        "epitaxy_measurements_mean_absolute_error": 2.0,
        "epitaxy_measurements_bias": 2.0,
        "epitaxy_measurements_window_size": 40.0,
    }
    await first.server.stop()
    again = await start_service()
    assert await measured(again, caller.tenant) == before

    backend = MeasurementBackendServiceStub(again.channel)
    repeated = await backend.RecordMeasurements(record(30), metadata=caller.metadata)
    assert all(result.recorded.is_repeat for result in repeated.results)
    request = finetune_pb2.DeleteTenantDataRequest(confirm=True)
    await again.caller.stub.DeleteTenantData(request, metadata=caller.metadata, timeout=60)
    assert await measured(again, caller.tenant) == {}
    assert (await measured(again, other.tenant))["epitaxy_measurements_total"] == 5
    health = await backend.ReadModelHealth(pb.ReadModelHealthRequest(model=MODEL), metadata=caller.metadata)
    assert not health.properties


async def test_a_quota_of_the_settings_is_kept(start_service):
    service = await start_service(quota={"max_measurements": 12})
    backend = MeasurementBackendServiceStub(service.channel)
    await backend.RecordMeasurements(record(10), metadata=service.caller.metadata)
    with pytest.raises(grpc.aio.AioRpcError, match="13 measurements would be kept and the quota is 12"):
        await backend.RecordMeasurements(record(3, first=10), metadata=service.caller.metadata)


async def test_only_the_gateway_may_record(start_service):
    service = await start_service()
    backend = MeasurementBackendServiceStub(service.channel)
    for metadata in ((("x-tenant", "acme"),), (("x-gateway-secret", SECRET),)):
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await backend.RecordMeasurements(record(1), metadata=metadata)
