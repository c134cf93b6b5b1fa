"""The pace of requests to a server: never above the given rate, and never before the time that the server named."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A server that asks for a longer pause is down for today: the journal resumes tomorrow.
LONGEST_WAIT_SECONDS = 600.0
_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 60.0


class Pacer:
    """Spaces requests. If there are several reasons to wait, the longest wait counts."""

    def __init__(
        self,
        max_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not max_per_second > 0:
            raise ValueError(f"max_per_second must be positive, not {max_per_second}")
        self._interval = 1.0 / max_per_second
        self._clock = clock
        self._sleep = sleep
        self._next = -float("inf")

    def wait_turn(self) -> None:
        """Waits until the next request is allowed."""
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(self._next, now) + self._interval

    def hold(self, seconds: float) -> None:
        """Allows no request for this many seconds from now."""
        self._next = max(self._next, self._clock() + min(seconds, LONGEST_WAIT_SECONDS))


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, as a number or a date. None if it cannot be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def backoff_seconds(attempt: int) -> float:
    """Wait after the ``attempt``-th failure in a row, counted from 1: 1, 2, 4 ... 60 s."""
    return float(min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0 ** (attempt - 1)))
