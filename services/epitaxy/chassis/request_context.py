"""What is known about the call in progress, for logs and for calls to other services."""

from contextvars import ContextVar
from dataclasses import dataclass, replace
from time import monotonic

from epitaxy.chassis.callers import Caller


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One call.

    Attributes:
        request_id: Names the call in every log line, here and upstream.
        tenant: Who calls; empty before authentication.
        weight: Share of the tenant in what is scarce, relative to others.
        key_id: Public part of the key that the call was made with; empty if none was.
        model_version: Which weights answer; empty if none do.
        deadline: When the caller stops waiting, in seconds of `time.monotonic`; None: never.
        has_own_cache: Whether the tenant's structures are cached apart from those of others.
        caller: Who calls, where the call was authenticated here; None behind the gateway.
    """

    request_id: str = ""
    tenant: str = ""
    model_version: str = ""
    deadline: float | None = None
    key_id: str = ""
    weight: float = 1.0
    has_own_cache: bool = False
    caller: Caller | None = None

    def seconds_left(self) -> float | None:
        """Time until the deadline, seconds, not below 0; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - monotonic())


_NO_CALL = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("epitaxy_request_context", default=_NO_CALL)


def current_request() -> RequestContext:
    """The call in progress in this task; empty fields outside of one."""
    return _current.get()


def bind_request(context: RequestContext) -> None:
    """Makes ``context`` current for the rest of this task and for the tasks that it starts.

    Nothing resets it: grpc.aio runs each call in a task of its own.
    """
    _current.set(context)


def bind_tenant(tenant: str, key_id: str = "", weight: float = 1.0) -> None:
    """Adds the tenant, its weight, and the id of its key, to the current call."""
    bind_request(replace(current_request(), tenant=tenant, key_id=key_id, weight=weight))


def bind_caller(caller: Caller) -> None:
    """Adds who calls to the current call."""
    bind_tenant(caller.tenant, caller.key_id, caller.weight)
    bind_request(replace(current_request(), caller=caller, has_own_cache=caller.has_own_cache))


def bind_model_version(model_version: str) -> None:
    """Adds the version of the model that answers to the current call."""
    bind_request(replace(current_request(), model_version=model_version))


def bind_deadline(seconds: float) -> None:
    """Adds a deadline ``seconds`` from now to the current call."""
    bind_request(replace(current_request(), deadline=monotonic() + seconds))
