"""Errors of a whole call, one class for each remedy that the caller has.

A structure that has no answer is not an error of the call: see ``ScreenResult.error``.
"""

from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from epitaxy.client import tls_faults

REQUEST_ID_KEY = "x-request-id"
_TOO_LARGE = "ANSWER_TOO_LARGE"
_OVERLOADED = "OVERLOADED"
_DETAILS_KEY = "grpc-status-details-bin"


class EpitaxyClientError(Exception):
    """Root of every error that the client raises.

    Errors cross process boundaries: pickle rebuilds them from their text and their attributes.

    Attributes:
        reason: Stable upper-case code.
        message: One line: what is wrong and what to do about it.
        request_id: Id of the call in the server's logs; empty if no call was made.
        retry_after_seconds: After which time the same call can succeed, by the server's own hint; None without one.
    """

    def __init__(
        self, message: str, *, reason: str, request_id: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(f"{message} (request {request_id})" if request_id else message)
        self.message = message
        self.reason = reason
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.args), vars(self)


def _rebuilt(kind: type[EpitaxyClientError], arguments: tuple[object, ...]) -> EpitaxyClientError:
    return kind.__new__(kind, *arguments)


class UnavailableError(EpitaxyClientError):
    """No server answers: start one, or try again."""


class UnauthenticatedError(EpitaxyClientError):
    """The API key is missing, wrong, or may not do this."""


class InvalidRequestError(EpitaxyClientError):
    """The request is wrong: change it."""


class NotFoundError(EpitaxyClientError):
    """The server has no such model, version or property."""


class QuotaExceededError(EpitaxyClientError):
    """The tenant's quota is used up, or the server sheds load: wait, or ask for a larger quota.

    ``limits()`` tells the quotas; for load there is a class of its own.
    """


class OverloadedError(QuotaExceededError):
    """The server has more work than it can take, whoever asks: the same call can succeed a little later."""


class ServerFaultError(EpitaxyClientError):
    """The server is at fault: report the request id."""


class FineTuneFailedError(EpitaxyClientError):
    """A fine-tune job ended without a model; ``reason`` and ``message`` say why and what to do."""


# INTERNAL that is not the server's fault: a proxy lost its own connection, or a call began as the connection broke.
_TRANSPORT_FAULTS = ("RST_STREAM", "Internal error from Core")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a failed call says, whether it came from ``grpc`` or ``grpc.aio``.

    Attributes:
        retry_after_seconds: The server's own hint, seconds; None if it gave none.
        is_answer: Whether a server of ours said it, and not a proxy or gRPC.
    """

    code: grpc.StatusCode
    details: str
    reason: str
    request_id: str
    retry_after_seconds: float | None = None
    is_answer: bool = False

    @classmethod
    def of(cls, error: grpc.RpcError, request_id: str) -> "Fault":
        """Reads the status, and its typed details if the server sent some."""
        metadata = {str(key): value for key, value in (error.trailing_metadata() or ())}
        status = _status(metadata.get(_DETAILS_KEY, b""))
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        has_retry = False
        for detail in status.details:
            detail.Unpack(info)
            has_retry = detail.Unpack(retry) or has_retry
        code = error.code()
        return cls(
            code=code,
            details=error.details() or "",
            reason=info.reason or code.name,
            request_id=str(metadata.get(REQUEST_ID_KEY, "")) or request_id,
            retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds() if has_retry else None,
            is_answer=bool(info.reason),
        )

    @classmethod
    def lost(cls, details: str, request_id: str) -> "Fault":
        """A stream that the client itself considers lost."""
        return cls(grpc.StatusCode.UNAVAILABLE, details, "UNAVAILABLE", request_id)

    @property
    def is_passing(self) -> bool:
        """True if the same call can succeed a little later."""
        if self.handshake_fault is not None:
            return False
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after_seconds is not None
        is_reset = self.code is grpc.StatusCode.INTERNAL and any(text in self.details for text in _TRANSPORT_FAULTS)
        # CANCELLED is a server or proxy that shuts down.
        return is_reset or self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

    @property
    def is_lost(self) -> bool:
        """True if nobody answered, or a server that is about to stop; other losses a server has waited out itself."""
        is_gone = self.is_passing and self.code is not grpc.StatusCode.RESOURCE_EXHAUSTED
        return is_gone and (not self.is_answer or self.retry_after_seconds is not None)

    @property
    def handshake_fault(self) -> str | None:
        """Reason of a failed TLS handshake, None if there was none."""
        is_from_grpc = self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED)
        return tls_faults.handshake_fault(self.details) if is_from_grpc else None

    def to_error(self, target: str, *, uses_tls: bool = True) -> EpitaxyClientError:
        """The error to raise, by the remedy that the caller has.

        Args:
            target: Address of the server.
            uses_tls: False if the call was made in plain text: then the server is asked whether it speaks TLS, which
                takes up to a second.
        """
        tls_fault = self.handshake_fault
        if tls_fault is None and not uses_tls and self.code is grpc.StatusCode.UNAVAILABLE:
            tls_fault = tls_faults.TLS_REQUIRED if tls_faults.is_tls_required(self.details, target) else None
        if tls_fault is not None:
            return UnavailableError(tls_faults.advice(tls_fault, target, self.details), reason=tls_fault)
        kind, advice = _remedy(self, target)
        message = f"{self.details or self.code.name}; {advice}" if advice else self.details or self.code.name
        return kind(
            message, reason=self.reason, request_id=self.request_id, retry_after_seconds=self.retry_after_seconds
        )


def _status(raw: str | bytes) -> status_pb2.Status:
    try:
        return status_pb2.Status.FromString(raw if isinstance(raw, bytes) else raw.encode())
    except DecodeError:
        return status_pb2.Status()


def _remedy(fault: Fault, target: str) -> tuple[type[EpitaxyClientError], str]:
    code = fault.code
    is_answered = fault.reason != code.name  # by a server of ours, whose text says what to do
    if code is grpc.StatusCode.UNAVAILABLE and is_answered:
        return UnavailableError, ""
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return UnavailableError, f"is the server running at {target}? start one with `epitaxy serve`"
    is_too_large = "larger than max" in fault.details or fault.reason == _TOO_LARGE
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and is_too_large:
        return InvalidRequestError, "send fewer structures a message (chunk_size)"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and fault.reason == _OVERLOADED:
        return OverloadedError, "no quota of yours is used up: wait, and send it again"
    return _REMEDIES.get(code, (ServerFaultError, ""))


_REMEDIES: dict[grpc.StatusCode, tuple[type[EpitaxyClientError], str]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: (UnavailableError, "the server is too slow or the timeout too short"),
    grpc.StatusCode.UNAUTHENTICATED: (UnauthenticatedError, "set EPITAXY_API_KEY to a valid key"),
    grpc.StatusCode.PERMISSION_DENIED: (UnauthenticatedError, "this API key may not do that"),
    grpc.StatusCode.INVALID_ARGUMENT: (InvalidRequestError, ""),
    grpc.StatusCode.FAILED_PRECONDITION: (InvalidRequestError, ""),
    grpc.StatusCode.OUT_OF_RANGE: (InvalidRequestError, ""),
    grpc.StatusCode.UNIMPLEMENTED: (InvalidRequestError, "the server is of another version, or no Epitaxy server"),
    grpc.StatusCode.NOT_FOUND: (NotFoundError, ""),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (QuotaExceededError, "wait, or ask for a larger quota"),
}
