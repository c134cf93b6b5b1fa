"""Every error class of ours has a status that tells its caller what to do, and survives the way to another process."""

import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from epitaxy.chassis import errors
from epitaxy.chassis.status import code_of, from_trailing_metadata, to_rpc_status
from epitaxy_models.errors import EpitaxyError, InvalidMaterialError, InvalidStructureError, UnknownPropertyError

ROOT = Path(__file__).parents[4]
SOURCES = (ROOT / "services" / "epitaxy", ROOT / "models" / "epitaxy_models")
# They have roots of their own, for a light client knows neither the services nor the science.
APART = ("client", "cli")
DEFINES_AN_ERROR = re.compile(r"^class \w+Error\(", re.MULTILINE)

# Families by what the caller can do; whatever is in none of them is a fault of ours.
FAMILIES = {
    errors.InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidMaterialError: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidStructureError: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownPropertyError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.FailedPreconditionError: grpc.StatusCode.FAILED_PRECONDITION,
    errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    errors.UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    errors.QuotaExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
}
EXTRAS = {
    "violations": (errors.FieldViolation("structures[3].cif", "is empty"),),
    "retry_after_seconds": 1.5,
    "subject": "tenant:acme",
}


def modules_with_errors() -> Iterator[str]:
    for folder in SOURCES:
        for path in sorted(folder.rglob("*.py")):
            place = path.relative_to(folder.parent).with_suffix("")
            if place.parts[1] not in APART and DEFINES_AN_ERROR.search(path.read_text()):
                yield ".".join(place.parts)


def subclasses_of(root: type[EpitaxyError]) -> set[type[EpitaxyError]]:
    direct = set(root.__subclasses__())
    return direct.union(*map(subclasses_of, direct))


@pytest.fixture(scope="module")
def classes() -> list[type[EpitaxyError]]:
    for module in modules_with_errors():
        importlib.import_module(module)
    found = {kind for kind in subclasses_of(EpitaxyError) if kind.__module__.startswith("epitaxy")}
    assert {"JobEndedError", "NewerSchemaError", "StrategyFailedError"} <= {kind.__name__ for kind in found}
    return sorted(found | {EpitaxyError}, key=lambda kind: kind.__qualname__)


def example(kind: type[EpitaxyError]) -> EpitaxyError:
    names = inspect.signature(kind).parameters
    return kind("pid 4711", reason="A_REASON", **{name: EXTRAS[name] for name in names if name in EXTRAS})


def reason_in(metadata: tuple[tuple[str, str | bytes], ...]) -> str:
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status_pb2.Status.FromString(metadata[0][1]).details)
    return info.reason


def test_a_class_has_the_code_of_its_family_and_a_caller_reads_its_text_unless_the_fault_is_ours(classes):
    for kind in set(classes) - {errors.RetryLaterError}:  # the base of three families
        codes = {code for family, code in FAMILIES.items() if issubclass(kind, family)}
        assert len(codes) <= 1, f"{kind.__name__} is in two families"
        expected = codes.pop() if codes else grpc.StatusCode.INTERNAL
        status = to_rpc_status(example(kind), "run-1")
        assert (kind, code_of(example(kind)), status.code) == (kind, expected, expected)
        is_withheld = b"4711" not in status.trailing_metadata[0][1] and "4711" not in status.details
        assert (kind, is_withheld) == (kind, expected is grpc.StatusCode.INTERNAL)


def test_a_subclass_is_received_as_its_family_with_its_reason(classes):
    for kind in classes:
        status = to_rpc_status(kind("do this", reason="A_REASON"))
        if status.code is not grpc.StatusCode.INTERNAL:
            received = from_trailing_metadata(status.trailing_metadata)
            assert (received.message, received.reason) == ("do this", "A_REASON")
            assert code_of(received) is status.code


def test_a_fault_of_the_science_keeps_its_reason_to_itself(classes):
    (kind,) = (kind for kind in classes if kind.__name__ == "CheckpointError")
    assert reason_in(to_rpc_status(kind("/srv/model.safetensors", reason="DAMAGED")).trailing_metadata) == "INTERNAL"
    assert reason_in(to_rpc_status(errors.InternalError("", reason="OURS")).trailing_metadata) == "OURS"


def test_an_error_survives_pickling_with_its_message_reason_and_extras(classes):
    for kind in classes:
        sent = example(kind)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            received = pickle.loads(pickle.dumps(sent, protocol))
            assert type(received) is kind
            assert vars(received) == vars(sent)
            assert str(received) == str(sent) == "pid 4711"
        assert {name for name in EXTRAS if getattr(sent, name, None) == EXTRAS[name]} == set(EXTRAS) & vars(sent).keys()
