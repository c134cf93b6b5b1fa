"""How many structures go into a message, and how many messages go out before one is answered."""

import time
from collections import deque
from collections.abc import Callable

from epitaxy.client.defaults import CHUNK_SIZE, MAX_CHUNK_SIZE

# Messages under way at once: enough to keep a few replicas busy, little enough to hold in memory.
WINDOW = 16
# Until one of so many is answered, nobody knows whether a cache answers or a network.
FIRST_MESSAGES = 4
# A message costs its senders and readers some milliseconds, whatever is in it. Structures that a cache answers cost far
# less than that in messages of the default size; new ones cost more, and small messages spread better over replicas.
_HITS = 0.9
_SECONDS_A_MESSAGE = 0.05
_N_LAST = 8


class Pace:
    """The size of the next message, and the number of messages under way.

    Attributes:
        chunk_size: Most structures in the next message.
        window: Most messages without an answer.
    """

    def __init__(self, chunk_size: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """``chunk_size``: as the caller asks for; None: the default size, more while answers come fast."""
        self.chunk_size = chunk_size or CHUNK_SIZE
        self._is_fixed = chunk_size is not None
        self.window = WINDOW if self._is_fixed else FIRST_MESSAGES
        self._clock = clock
        self._answers: deque[tuple[float, int]] = deque(maxlen=_N_LAST)

    def note(self, n_structures: int, n_hits: int) -> None:
        """Notes the answer to a message, and how much of it came from a cache."""
        self.window = WINDOW
        self._answers.append((self._clock(), n_structures))
        if not self._is_fixed:
            is_cached = n_hits >= _HITS * n_structures
            self.chunk_size = MAX_CHUNK_SIZE if is_cached else self._size_by_rate()

    def _size_by_rate(self) -> int:
        """So many structures as the last answers held in a twentieth of a second."""
        if len(self._answers) < _N_LAST:
            return CHUNK_SIZE
        (first, n_first), last = self._answers[0], self._answers[-1][0]
        n_answered = sum(number for _, number in self._answers) - n_first
        wanted = _SECONDS_A_MESSAGE * n_answered / max(last - first, 1e-6)
        return int(min(max(wanted, CHUNK_SIZE), MAX_CHUNK_SIZE))
