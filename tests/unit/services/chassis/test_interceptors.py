import asyncio

import grpc
import pytest
from prometheus_client import CollectorRegistry

from epitaxy.api.prediction.v1 import structures_pb2, structures_pb2_grpc
from epitaxy.chassis.interceptors import service_interceptors
from epitaxy.chassis.metrics import RpcMetrics
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.status import from_trailing_metadata

DEFAULT_SECONDS = 0.2


class SleepyServicer(structures_pb2_grpc.StructureServiceServicer):
    """Sleeps, and remembers the deadline that it was given."""

    def __init__(self):
        self.seconds_left = []
        self.cancelled = asyncio.Event()

    async def Validate(self, request, context):
        self.seconds_left.append(current_request().seconds_left())
        try:
            await asyncio.sleep(len(request.structures))
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return structures_pb2.ValidateResponse()


@pytest.fixture
def servicer():
    return SleepyServicer()


@pytest.fixture
async def validate(servicer):
    metrics = RpcMetrics(CollectorRegistry(), "test")
    server = grpc.aio.server(interceptors=service_interceptors(metrics, None, DEFAULT_SECONDS))
    structures_pb2_grpc.add_StructureServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield structures_pb2_grpc.StructureServiceStub(channel).Validate
    await server.stop(None)


def request_for(seconds):
    return structures_pb2.ValidateRequest(structures=[{"id": "s"}] * seconds)


async def test_a_handler_that_hangs_is_cancelled_at_the_default_deadline(validate, servicer):
    with pytest.raises(grpc.aio.AioRpcError, match=r"not done within 0\.2 s") as caught:
        await validate(request_for(seconds=30))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert from_trailing_metadata(caught.value.trailing_metadata()).reason == "DEADLINE_EXCEEDED"
    assert servicer.cancelled.is_set()
    assert 0 < servicer.seconds_left[0] <= DEFAULT_SECONDS


async def test_a_caller_may_allow_more_than_the_default(validate, servicer):
    await validate(request_for(seconds=1), timeout=20)
    assert 10 < servicer.seconds_left[0] <= 20.2  # gRPC rounds up what it sends


async def test_a_handler_is_cancelled_when_its_caller_stops_waiting(validate, servicer):
    with pytest.raises(grpc.aio.AioRpcError, match="DEADLINE_EXCEEDED"):
        await validate(request_for(seconds=30), timeout=0.1)
    await asyncio.wait_for(servicer.cancelled.wait(), 5)
