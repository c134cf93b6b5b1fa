"""Tells whether a replica is busy, for work that can wait until it is idle."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Number of open calls, and the time since the last one ended."""

    def __init__(self) -> None:
        self._n_open, self._quiet_since = 0, time.monotonic()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Context of one call."""
        self._n_open += 1
        try:
            yield
        finally:
            self._n_open -= 1
            self._quiet_since = time.monotonic()

    def quiet_seconds(self) -> float:
        """Time since the last call ended, seconds; 0 while one is open."""
        return 0.0 if self._n_open else time.monotonic() - self._quiet_since
