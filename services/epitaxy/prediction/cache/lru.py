"""A replica's own cache: least recently used, bounded by bytes."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from epitaxy.prediction.cache.cache_space import current_space

_ValueT = TypeVar("_ValueT")


class LruCache(Generic[_ValueT]):
    """Values in this process, by key in the space of the call in progress; all spaces share the bound.

    Not safe for threads; the event loop owns it.
    """

    def __init__(self, capacity_bytes: int, size_of: Callable[[_ValueT], int]) -> None:
        self._capacity, self._size_of, self._size = capacity_bytes, size_of, 0
        self._entries: OrderedDict[bytes, _ValueT] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> _ValueT | None:
        """The value, None if it is not held."""
        key = current_space() + key
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: bytes, value: _ValueT) -> None:
        """Holds a value and drops the least recently used beyond the capacity; one over it alone is not held."""
        key = current_space() + key
        previous = self._entries.pop(key, None)
        if previous is not None:
            self._size -= self._size_of(previous)
        if self._size_of(value) > self._capacity:
            return
        self._entries[key] = value
        self._size += self._size_of(value)
        while self._size > self._capacity:
            _, dropped = self._entries.popitem(last=False)
            self._size -= self._size_of(dropped)
