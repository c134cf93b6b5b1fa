"""Whether a replica has anything to do, for work that can wait until it has not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Calls that are open, and since when none is."""

    def __init__(self) -> None:
        self._n_open, self._quiet_since = 0, time.monotonic()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around a call."""
        self._n_open += 1
        try:
            yield
        finally:
            self._n_open -= 1
            self._quiet_since = time.monotonic()

    def quiet_seconds(self) -> float:
        """Since the last call ended; 0 while one is open."""
        return 0.0 if self._n_open else time.monotonic() - self._quiet_since
