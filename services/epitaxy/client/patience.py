"""Whether a call that failed is worth another try, and after what wait. No I/O: the callers sleep."""

from dataclasses import dataclass, field

from epitaxy.client.errors import Fault

# An overloaded server names a moment; a quota of running jobs names a guess, and the caller may rather cancel a job.
_LONGEST_HINT_SECONDS = 10.0
_TRIES_UNSEEN, _TRIES_SEEN = 3, 8
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _LONGEST_SERVER_WAIT_SECONDS = 0.2, 10.0, 30.0


class StreamLostError(Exception):
    """A stream broke; its unanswered messages can be sent on another one."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.details)
        self.fault = fault


@dataclass(slots=True)
class Reconnects:
    """How often a lost connection is opened again, and after what wait."""

    n_lost: int = field(default=0, init=False)
    was_answered: bool = field(default=False, init=False)

    def note_answer(self) -> None:
        """Notes progress: patience starts anew."""
        self.n_lost, self.was_answered = 0, True

    def seconds_to_wait(self, fault: Fault) -> float | None:
        """Seconds before the next try, None to give up: soon if no server was ever seen, else after half a minute."""
        limit = _TRIES_SEEN if self.was_answered or fault.retry_after_seconds is not None else _TRIES_UNSEEN
        if not fault.is_passing or self.n_lost >= limit:
            return None
        backoff: float = min(_FIRST_WAIT_SECONDS * 2**self.n_lost, _LONGEST_WAIT_SECONDS)
        self.n_lost += 1
        return max(backoff, min(fault.retry_after_seconds or 0.0, _LONGEST_SERVER_WAIT_SECONDS))


class Patience:
    """Decides for one repeated call; see ``Reconnects``."""

    def __init__(self) -> None:
        self._reconnects = Reconnects()

    def note_answer(self) -> None:
        """Notes progress: patience starts anew."""
        self._reconnects.note_answer()

    def seconds_to_wait(self, fault: Fault) -> float | None:
        """Seconds before the next try, None if the call is not worth one."""
        wait = self._reconnects.seconds_to_wait(fault)
        return None if (fault.retry_after_seconds or 0.0) > _LONGEST_HINT_SECONDS else wait
