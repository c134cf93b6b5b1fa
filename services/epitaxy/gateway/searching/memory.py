"""Bounds what all searches of a process keep in memory together."""

from collections.abc import Iterator
from contextlib import contextmanager

from epitaxy.chassis.errors import OverloadedError

RETRY_SECONDS = 15.0


class CandidateMemory:
    """Room for a number of candidates; searches share it.

    Args:
        size: Candidates that fit.
    """

    def __init__(self, size: int) -> None:
        self._free = self._size = size

    @contextmanager
    def room(self) -> Iterator["Room"]:
        """Room for one search, empty at first; it is given back in the end."""
        room = Room(self)
        try:
            yield room
        finally:
            self._free += room.n

    def take(self, count: int) -> None:
        """Takes room. Raises OverloadedError (SEARCH_MEMORY_FULL) if other searches hold it."""
        if count > self._free:
            message = (
                f"searches under way hold {self._size - self._free} of {self._size} candidates that this gateway "
                f"has room for, and {count} more do not fit: search again later, or search a smaller pool"
            )
            raise OverloadedError(message, reason="SEARCH_MEMORY_FULL", retry_after_seconds=RETRY_SECONDS)
        self._free -= count


class Room:
    """What one search holds.

    Attributes:
        n: Candidates that fit.
    """

    def __init__(self, memory: CandidateMemory) -> None:
        self._memory = memory
        self.n = 0

    def hold(self, count: int) -> None:
        """Holds room for ``count`` candidates in all. Raises OverloadedError if there is none."""
        if count > self.n:
            self._memory.take(count - self.n)
            self.n = count
