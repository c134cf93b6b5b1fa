"""What stands between Ray Serve and the service: errors become statuses, lost replicas become retries."""

import asyncio
import inspect
import logging
import warnings

import grpc
import pytest
from prediction_rig import graph_of

with warnings.catch_warnings():
    # Ray Serve's own use of pydantic warns while it is imported.
    warnings.simplefilter("ignore")
    from ray.exceptions import ActorDiedError, ObjectLostError, RayTaskError
    from ray.serve.exceptions import BackPressureError

from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest, EvaluateResponse
from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, OverloadedError, UnavailableError
from epitaxy.chassis.signed_calls import signed
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.prediction.replicas import RayEmbeddingBackend
from epitaxy.prediction.serve.replica_logs import ServeLogHandler
from epitaxy.prediction.serve.status_wrapper import with_rpc_status


class Context:
    """The part of Serve's gRPC context that a handler touches."""

    def __init__(self, **metadata):
        self._metadata = list(metadata.items())
        self.code, self.details, self.trailing_metadata = None, None, None

    def invocation_metadata(self):
        return self._metadata

    def set_code(self, code):
        self.code = code

    def set_details(self, details):
        self.details = details

    def set_trailing_metadata(self, trailing_metadata):
        self.trailing_metadata = trailing_metadata


class Deployment:
    """The part of a replica that the wrapper touches."""

    model_version = "2026.1"


DEPLOYMENT = Deployment()


@pytest.fixture
def serve_records(caplog):
    """What reaches Serve's logger of what is logged anywhere."""
    caplog.set_level(logging.INFO)
    root, serve = logging.getLogger(), logging.getLogger("ray.serve")
    taken: list[logging.LogRecord] = []
    forward, end = ServeLogHandler(), logging.Handler()
    end.emit = taken.append
    root.addHandler(forward)
    serve.addHandler(end)
    yield taken
    root.removeHandler(forward)
    serve.removeHandler(end)


def handler_of(outcome):
    @with_rpc_status(EvaluateResponse)
    async def handle(deployment, request):
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return handle


async def test_an_answer_passes_through_untouched():
    context, answer = Context(), EvaluateResponse(results={"sequence": 3})
    assert await handler_of(answer)(DEPLOYMENT, EvaluateRequest(), context) is answer
    assert context.code is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequestError.of_field("options.coverage", "is odd"), grpc.StatusCode.INVALID_ARGUMENT),
        (NotFoundError("no such model", reason="UNKNOWN_MODEL"), grpc.StatusCode.NOT_FOUND),
        (OverloadedError("full", retry_after_seconds=1.5), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (UnavailableError("gone", retry_after_seconds=1.0), grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_our_errors_become_statuses_that_the_gateway_reads_back(error, code):
    context = Context()
    assert await handler_of(error)(DEPLOYMENT, EvaluateRequest(), context) == EvaluateResponse()
    assert (context.code, context.details) == (code, error.message)
    read = from_trailing_metadata(context.trailing_metadata)
    assert type(read) is type(error)
    assert (read.message, read.reason) == (error.message, error.reason)
    assert getattr(read, "retry_after_seconds", None) == getattr(error, "retry_after_seconds", None)
    assert getattr(read, "violations", None) == getattr(error, "violations", None)


class TrustingDeployment(Deployment):
    gateway_secret = "open sesame"


async def test_only_signed_calls_reach_a_replica_that_knows_the_secret():
    answer, handle = EvaluateResponse(results={"sequence": 3}), handler_of(EvaluateResponse(results={"sequence": 3}))
    proof = dict(signed("open sesame", "acme", "handle"))
    context = Context(**{"x-tenant": "acme"} | proof)
    assert await handle(TrustingDeployment(), EvaluateRequest(), context) == answer
    for claims in ({"x-tenant": "acme"}, {"x-tenant": "globex"} | proof, {}):
        context = Context(**claims)
        assert await handle(TrustingDeployment(), EvaluateRequest(), context) == EvaluateResponse()
        assert context.code is grpc.StatusCode.UNAUTHENTICATED


async def test_the_text_of_a_foreign_exception_stays_in_the_log(caplog):
    context = Context(**{"x-request-id": "r-17"})
    await handler_of(KeyError("actor 5 at 10.0.0.7"))(DEPLOYMENT, EvaluateRequest(), context)
    assert context.code is grpc.StatusCode.INTERNAL
    assert context.details == "internal error; report it with request id r-17"
    assert b"10.0.0.7" not in context.trailing_metadata[0][1]
    assert "actor 5 at 10.0.0.7" in caplog.text


async def test_every_record_of_a_call_tells_the_call_and_one_tells_how_it_ended(serve_records):
    context = Context(**{"x-request-id": "r-17", "x-tenant": "acme"})
    request = EvaluateRequest(structures=[{"cif": "data_"}, {"packed": {"n_sites": bytes(8)}}])
    await handler_of(NotFoundError("no such model", reason="UNKNOWN_MODEL"))(DEPLOYMENT, request, context)
    await handler_of(KeyError("x"))(DEPLOYMENT, EvaluateRequest(), context)
    ended, failed, ended_too = serve_records
    assert [record.getMessage() for record in serve_records] == ["call", "request failed", "call"]
    assert {(r.request_id, r.tenant, r.model_version) for r in serve_records} == {("r-17", "acme", "2026.1")}
    assert (ended.method, ended.code, ended.structures) == ("handle", "NOT_FOUND", 3)
    assert 0 <= ended.seconds < 10
    assert failed.exc_info is not None
    assert (ended_too.code, ended_too.structures) == ("INTERNAL", 0)


async def test_a_probe_of_the_gateway_leaves_no_line(serve_records):
    await handler_of(EvaluateResponse())(DEPLOYMENT, EvaluateRequest(), Context())
    assert serve_records == []


async def test_a_cancelled_call_stays_cancelled():
    context = Context()
    task = asyncio.ensure_future(handler_of(asyncio.CancelledError())(DEPLOYMENT, EvaluateRequest(), context))
    await asyncio.wait([task])
    assert task.cancelled()
    assert context.code is None


def test_serve_sees_that_the_handler_takes_the_grpc_context():
    assert "grpc_context" in inspect.signature(handler_of(None)).parameters


class Handle:
    """An ensemble's handle that answers, or raises, this."""

    def __init__(self, outcome):
        self._outcome = outcome
        self.embed = self

    async def remote(self, batch):
        if isinstance(self._outcome, Exception) and not isinstance(self._outcome, OverloadedError):
            raise self._outcome
        return self._outcome


@pytest.mark.parametrize(
    "error",
    [
        ActorDiedError(),
        BackPressureError(num_queued_requests=1, max_queued_requests=1),
        ObjectLostError("0" * 56, None, ""),
        RayTaskError("embed", "traceback with 10.0.0.7", ValueError("cause")),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_lost_replica_is_a_fault_that_a_retry_cures(error):
    with pytest.raises(UnavailableError, match=r"^the ensemble does not answer: send it again$") as raised:
        await RayEmbeddingBackend(Handle(error)).embed([graph_of(3)])
    assert raised.value.retry_after_seconds == 1.0


async def test_an_overload_that_a_replica_returned_is_raised_here():
    overload = OverloadedError("full", retry_after_seconds=2.0)
    with pytest.raises(OverloadedError, match="full") as raised:
        await RayEmbeddingBackend(Handle(overload)).embed([graph_of(3)])
    assert raised.value is overload
