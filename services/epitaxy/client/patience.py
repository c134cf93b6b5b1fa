"""Whether a call that failed is worth another try, and after what wait. No I/O: the callers sleep."""

import time
from dataclasses import dataclass, field

from epitaxy.client.errors import Fault

# An overloaded server names a moment; a quota of running jobs names a guess, and the caller may rather cancel a job.
_LONGEST_HINT_SECONDS = 10.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _LONGEST_SERVER_WAIT_SECONDS = 0.2, 5.0, 30.0
_LEAST_TRIES = 3
UNSEEN_SCREEN_SECONDS, UNSEEN_CALL_SECONDS = 8.0, 1.5
"""A server that nobody has seen may be starting again, and may as well be at another address: that is said soon."""


class StreamLostError(Exception):
    """A stream broke; its unanswered messages can be sent on another one."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.details)
        self.fault = fault


@dataclass(slots=True)
class Reconnects:
    """How long a lost server is waited for, and after what waits it is tried again.

    Attributes:
        patience_seconds: Longest time from the first loss to the last try, of a server that has been seen.
        unseen_seconds: The same of a server that never answered.
        is_seen: Whether it has ever answered.
        n_lost: Losses since the last answer.
    """

    patience_seconds: float
    unseen_seconds: float = UNSEEN_SCREEN_SECONDS
    is_seen: bool = False
    n_lost: int = field(default=0, init=False)
    _lost_at: float | None = field(default=None, init=False)

    def note_answer(self) -> None:
        """Notes progress: patience starts anew."""
        self.n_lost, self.is_seen, self._lost_at = 0, True, None

    def seconds_to_wait(self, fault: Fault) -> float | None:
        """Seconds before the next try, None to give up."""
        if not fault.is_passing:
            return None
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
        is_there = self.is_seen or fault.retry_after_seconds is not None
        limit = self.patience_seconds if is_there else min(self.patience_seconds, self.unseen_seconds)
        backoff: float = min(_FIRST_WAIT_SECONDS * 2 ** min(self.n_lost, 10), _LONGEST_WAIT_SECONDS)
        self.n_lost += 1
        wait = max(backoff, min(fault.retry_after_seconds or 0.0, _LONGEST_SERVER_WAIT_SECONDS))
        is_over = now + wait - self._lost_at > limit
        # A stream that falls silent uses its patience up at once, and deserves other tries all the same.
        return None if is_over and self.n_lost > _LEAST_TRIES else wait


class Patience:
    """Decides for one repeated call; see ``Reconnects``."""

    def __init__(self, patience_seconds: float, *, is_seen: bool = False) -> None:
        self._reconnects = Reconnects(patience_seconds, UNSEEN_CALL_SECONDS, is_seen)

    def note_answer(self) -> None:
        """Notes progress: patience starts anew."""
        self._reconnects.note_answer()

    def seconds_to_wait(self, fault: Fault) -> float | None:
        """Seconds before the next try, None if the call is not worth one."""
        wait = self._reconnects.seconds_to_wait(fault)
        return None if (fault.retry_after_seconds or 0.0) > _LONGEST_HINT_SECONDS else wait
