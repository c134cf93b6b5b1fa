import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from epitaxy.chassis import errors
from epitaxy.chassis.status import DETAILS_KEY, from_trailing_metadata, to_rpc_status

VIOLATIONS = (errors.FieldViolation("options.coverage", "is 2"), errors.FieldViolation("structures", "is empty"))

CASES = [
    (errors.InvalidRequestError("two fields are wrong", violations=VIOLATIONS), grpc.StatusCode.INVALID_ARGUMENT),
    (errors.FailedPreconditionError("calibrate first", reason="UNCALIBRATED"), grpc.StatusCode.FAILED_PRECONDITION),
    (errors.NotFoundError("no such model"), grpc.StatusCode.NOT_FOUND),
    (errors.UnauthenticatedError("send a key"), grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDeniedError("not yours"), grpc.StatusCode.PERMISSION_DENIED),
    (
        errors.QuotaExceededError("used up", subject="tenant:acme", retry_after_seconds=1.5),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
    (errors.OverloadedError("full", retry_after_seconds=0.25), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.UnavailableError("starting", retry_after_seconds=None), grpc.StatusCode.UNAVAILABLE),
    (errors.DeadlineExceededError("too slow"), grpc.StatusCode.DEADLINE_EXCEEDED),
]


@pytest.mark.parametrize(("error", "code"), CASES, ids=[type(error).__name__ for error, _ in CASES])
def test_an_error_survives_the_way_to_another_service(error, code):
    status = to_rpc_status(error, "run-1")
    assert (status.code, status.details) == (code, error.message)
    received = from_trailing_metadata((("x-request-id", "run-1"), *status.trailing_metadata))
    assert type(received) is type(error)
    assert vars(received) == vars(error)


def test_the_text_of_an_internal_error_stays_here():
    status = to_rpc_status(errors.InternalError("pid 4711"), "run-1")
    assert status.code is grpc.StatusCode.INTERNAL
    assert status.details == "internal error; report it with request id run-1"
    assert b"4711" not in status.trailing_metadata[0][1]
    assert isinstance(from_trailing_metadata(status.trailing_metadata), errors.InternalError)


def test_every_error_class_has_a_row_in_the_table():
    roots = {errors.EpitaxyError, errors.RetryLaterError}
    classes = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    covered = {type(error) for error, _ in CASES} | {errors.InternalError}
    assert classes - roots == covered


def test_a_status_of_another_domain_or_a_broken_one_is_not_ours():
    status = status_pb2.Status(code=5, message="10.0.0.7 has no such actor")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="X", domain="googleapis.com"))
    assert from_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),)) is None
    assert from_trailing_metadata(((DETAILS_KEY, b"\xff\xff\xff"),)) is None
    assert from_trailing_metadata(None) is None
