"""How many structures go into a message: more while answers come fast."""

import time
from collections import deque
from collections.abc import Callable

from epitaxy.client.defaults import CHUNK_SIZE, MAX_CHUNK_SIZE

# A message costs its senders and readers some milliseconds, whatever is in it. Structures that a cache answers cost far
# less than that in messages of the default size; new ones cost more, and small messages spread better over replicas.
SECONDS_A_MESSAGE = 0.05
_N_LAST = 8


class Pace:
    """The size of the next message, from the rate of the last answers."""

    def __init__(self, chunk_size: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``chunk_size``: as the caller asks for; None: the default size, more while answers come fast."""
        self.chunk_size = chunk_size or CHUNK_SIZE
        self._is_fixed = chunk_size is not None
        self._clock = clock
        self._answers: deque[tuple[float, int]] = deque(maxlen=_N_LAST)

    def note(self, n_structures: int) -> None:
        """Notes the answer to a message."""
        self._answers.append((self._clock(), n_structures))
        if self._is_fixed or len(self._answers) < _N_LAST:
            return
        seconds = self._answers[-1][0] - self._answers[0][0]
        n_answered = sum(number for _, number in self._answers) - self._answers[0][1]
        wanted = SECONDS_A_MESSAGE * n_answered / max(seconds, 1e-6)
        self.chunk_size = int(min(max(wanted, CHUNK_SIZE), MAX_CHUNK_SIZE))
