"""Errors that services raise, one class for each thing that the caller can do about it.

Every message is written for the caller: it names no process, address or library.
"""

from dataclasses import dataclass

from epitaxy_models.errors import EpitaxyError


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong, by its path: ``structures[3].packed.ids``."""

    field: str
    description: str


class InvalidRequestError(EpitaxyError):
    """The request is wrong whatever the state of the service: change it."""

    default_reason = "INVALID_REQUEST"

    def __init__(self, message: str, *, reason: str = "", violations: tuple[FieldViolation, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.violations = violations

    @classmethod
    def of_field(cls, field: str, description: str) -> "InvalidRequestError":
        """The error of a request in which one field is wrong."""
        return cls(f"{field}: {description}", violations=(FieldViolation(field, description),))


class FailedPreconditionError(EpitaxyError):
    """The request is fine, the state is not: change the state first."""

    default_reason = "FAILED_PRECONDITION"


class NotFoundError(EpitaxyError):
    """What the request names does not exist: name something else."""

    default_reason = "NOT_FOUND"


class UnauthenticatedError(EpitaxyError):
    """The caller is not known: send a valid key."""

    default_reason = "UNAUTHENTICATED"


class PermissionDeniedError(EpitaxyError):
    """The caller is known and not allowed: ask for the right."""

    default_reason = "PERMISSION_DENIED"


class RetryLaterError(EpitaxyError):
    """The same request can succeed after ``retry_after_seconds`` (None: not known)."""

    def __init__(self, message: str, *, reason: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class QuotaExceededError(RetryLaterError):
    """The caller's own allowance is used up: wait, or ask for more."""

    default_reason = "QUOTA_EXCEEDED"

    def __init__(
        self, message: str, *, subject: str = "", reason: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, reason=reason, retry_after_seconds=retry_after_seconds)
        self.subject = subject


class OverloadedError(RetryLaterError):
    """The service has more work than it can queue: send it again after the hinted time."""

    default_reason = "OVERLOADED"


class UnavailableError(RetryLaterError):
    """The service, or a part of it, does not answer: send it again."""

    default_reason = "UNAVAILABLE"


class DeadlineExceededError(EpitaxyError):
    """The time allowed ran out: allow more, or ask for less."""

    default_reason = "DEADLINE_EXCEEDED"


class InternalError(EpitaxyError):
    """A fault of ours: report it with the request id. Its message goes to logs only, never to a caller."""

    default_reason = "INTERNAL"
