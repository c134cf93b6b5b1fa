"""The one table between our errors and ``google.rpc.Status``, in both directions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RetryLaterError,
    UnauthenticatedError,
    UnavailableError,
)
from epitaxy.chassis.short_text import TEXT_BYTES, shortened
from epitaxy_models.errors import (
    CheckpointError,
    ConfigurationError,
    EpitaxyError,
    InvalidMaterialError,
    InvalidStructureError,
    UnknownPropertyError,
)

ERROR_DOMAIN = "epitaxy"
DETAILS_KEY = "grpc-status-details-bin"
# Bounds of what goes into the details, bytes.
_FIELD_BYTES, _DESCRIPTION_BYTES, _REASON_BYTES = 256, 640, 64

_DetailT = TypeVar("_DetailT", bound=Message)

# A class without a row has the code of its nearest base class. Faults of the science that are not about the caller's
# structure or property are ours: a caller can mend neither a damaged checkpoint nor a wrong setting.
_CODES: dict[type[EpitaxyError], grpc.StatusCode] = {
    EpitaxyError: grpc.StatusCode.INTERNAL,
    InvalidMaterialError: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidStructureError: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownPropertyError: grpc.StatusCode.INVALID_ARGUMENT,
    ConfigurationError: grpc.StatusCode.INTERNAL,
    CheckpointError: grpc.StatusCode.INTERNAL,
    InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    FailedPreconditionError: grpc.StatusCode.FAILED_PRECONDITION,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    QuotaExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    RetryLaterError: grpc.StatusCode.UNAVAILABLE,
    DeadlineExceededError: grpc.StatusCode.DEADLINE_EXCEEDED,
    InternalError: grpc.StatusCode.INTERNAL,
}
# Codes that a single class of ours stands for, and that carry no details but a reason.
_PLAIN_CLASSES: dict[int, type[EpitaxyError]] = {
    _CODES[kind].value[0]: kind
    for kind in (
        FailedPreconditionError,
        NotFoundError,
        UnauthenticatedError,
        PermissionDeniedError,
        DeadlineExceededError,
    )
}


class RpcStatus(NamedTuple):
    """What ends a call: fits ``ServicerContext.abort_with_status`` and ``abort``."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def to_rpc_status(error: EpitaxyError, request_id: str = "") -> RpcStatus:
    """Code, text and trailing metadata for an error, with its typed details.

    All of it together stays below 8 KiB, whatever the error quotes. The message of an error that is INTERNAL is
    withheld: the caller gets the request id instead.
    """
    code = code_of(error)
    text = _internal_text(request_id) if code is grpc.StatusCode.INTERNAL else shortened(error.message)
    status = status_pb2.Status(code=code.value[0], message=text)
    for detail in _details(error, request_id):
        status.details.add().Pack(detail)
    return RpcStatus(code, text, ((DETAILS_KEY, status.SerializeToString()),))


def code_of(error: EpitaxyError) -> grpc.StatusCode:
    """The code of an error: that of its class or of the nearest base class in the table."""
    return next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)


def from_trailing_metadata(metadata: Sequence[tuple[str, str | bytes]] | None) -> EpitaxyError | None:
    """The error that another of our services sent with `to_rpc_status`; None if the status is not ours.

    A status of ours holds an ErrorInfo of our domain. Only then is its text meant for callers: any other text (from
    a proxy, a runtime, a library) may name processes and addresses.
    """
    for key, value in metadata or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return _from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                return None
    return None


def _internal_text(request_id: str) -> str:
    return f"internal error; report it with request id {request_id}" if request_id else "internal error"


def _details(error: EpitaxyError, request_id: str) -> Iterator[Message]:
    yield error_details_pb2.ErrorInfo(reason=_public_reason(error), domain=ERROR_DOMAIN)
    if request_id:
        yield error_details_pb2.RequestInfo(request_id=request_id)
    if isinstance(error, InvalidRequestError) and error.violations:
        yield _bad_request(error.violations)
    if isinstance(error, QuotaExceededError):
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=shortened(error.subject, _FIELD_BYTES), description=shortened(error.message)
        )
        yield error_details_pb2.QuotaFailure(violations=[violation])
    if isinstance(error, RetryLaterError) and error.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
        yield retry


def _public_reason(error: EpitaxyError) -> str:
    """The error's reason, unless it names a fault of the science, which is withheld together with its text."""
    is_withheld = code_of(error) is grpc.StatusCode.INTERNAL and not isinstance(error, InternalError)
    return InternalError.default_reason if is_withheld else shortened(error.reason, _REASON_BYTES)


def _bad_request(violations: tuple[FieldViolation, ...]) -> error_details_pb2.BadRequest:
    """The first violations, as many as fit."""
    request, left = error_details_pb2.BadRequest(), TEXT_BYTES
    for violation in violations:
        field = shortened(violation.field, _FIELD_BYTES)
        description = shortened(violation.description, _DESCRIPTION_BYTES)
        left -= len(field.encode()) + len(description.encode())
        if left < 0:
            break
        request.field_violations.add(field=field, description=description)
    return request


def _from_status(status: status_pb2.Status) -> EpitaxyError | None:
    info = _unpacked(status, error_details_pb2.ErrorInfo())
    if info is None or info.domain != ERROR_DOMAIN:
        return None
    if status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]:
        return InvalidRequestError(status.message, reason=info.reason, violations=_violations(status))
    if status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]:
        return _exhausted(status, info.reason)
    if status.code == grpc.StatusCode.UNAVAILABLE.value[0]:
        return UnavailableError(status.message, reason=info.reason, retry_after_seconds=_retry_after(status))
    return _PLAIN_CLASSES.get(status.code, InternalError)(status.message, reason=info.reason)


def _exhausted(status: status_pb2.Status, reason: str) -> EpitaxyError:
    quota = _unpacked(status, error_details_pb2.QuotaFailure())
    if quota is None or not quota.violations:
        return OverloadedError(status.message, reason=reason, retry_after_seconds=_retry_after(status))
    subject = quota.violations[0].subject
    retry_after = _retry_after(status)
    return QuotaExceededError(status.message, subject=subject, reason=reason, retry_after_seconds=retry_after)


def _violations(status: status_pb2.Status) -> tuple[FieldViolation, ...]:
    bad_request = _unpacked(status, error_details_pb2.BadRequest())
    found = bad_request.field_violations if bad_request else ()
    return tuple(FieldViolation(violation.field, violation.description) for violation in found)


def _retry_after(status: status_pb2.Status) -> float | None:
    retry = _unpacked(status, error_details_pb2.RetryInfo())
    return None if retry is None else retry.retry_delay.ToNanoseconds() / 1e9


def _unpacked(status: status_pb2.Status, into: _DetailT) -> _DetailT | None:
    return into if any(detail.Unpack(into) for detail in status.details) else None
