"""Progress lines for long work: how far, how fast, how long to go."""

import logging
import time

_LOG = logging.getLogger(__name__)


class Progress:
    """Logs at most one line every ``interval_seconds``."""

    def __init__(self, stage: str, total: int, interval_seconds: float = 10.0) -> None:
        self._stage, self._total, self._interval = stage, total, interval_seconds
        self._start = self._last = time.monotonic()

    def tick(self, done: int, detail: str = "") -> None:
        """Says that ``done`` of the total are finished."""
        now = time.monotonic()
        if now - self._last < self._interval and done < self._total:
            return
        self._last = now
        rate = done / max(now - self._start, 1e-9)
        remaining = (self._total - done) / max(rate, 1e-9)
        _LOG.info("%s %d/%d  %.0f/s  ETA %.0f s  %s", self._stage, done, self._total, rate, remaining, detail)
