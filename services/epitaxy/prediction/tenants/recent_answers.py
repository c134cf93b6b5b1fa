"""Answers of a slow source, kept for a moment; one question at a time for each key."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from epitaxy.chassis.errors import NotFoundError, RetryLaterError

_LOG = logging.getLogger(__name__)
_KeyT = TypeVar("_KeyT", bound=Hashable)
_ValueT = TypeVar("_ValueT")
# Callers choose the names that they ask for, so the number of entries is bounded.
_CAPACITY = 4096


class Remembered(Generic[_KeyT, _ValueT]):
    """Values that are forgotten after ``seconds``. The event loop owns it."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._entries: OrderedDict[_KeyT, tuple[float, _ValueT]] = OrderedDict()

    def get(self, key: _KeyT) -> _ValueT | None:
        """The value, None if it has expired or was never put."""
        expires_at, value = self._entries.get(key, (0.0, None))
        return value if self._clock() < expires_at else None

    def put(self, key: _KeyT, value: _ValueT) -> None:
        """Remembers a value from now on."""
        self._entries[key] = (self._clock() + self._seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > _CAPACITY:
            self._entries.popitem(last=False)


@dataclass(slots=True)
class _Entry(Generic[_ValueT]):
    """What was answered last, an error for what there is not, and the question under way."""

    answer: "_ValueT | NotFoundError | None" = None
    expires_at: float = 0.0
    question: "asyncio.Task[None] | None" = None


class RecentAnswers(Generic[_KeyT, _ValueT]):
    """Keeps answers, "not found" included, for ``seconds``. The event loop owns it.

    If the source fails temporarily, the last answer stays valid: a restart of the registry takes no model out of
    service.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._entries: OrderedDict[_KeyT, _Entry[_ValueT]] = OrderedDict()

    async def get(self, key: _KeyT, ask: Callable[[], Awaitable[_ValueT]]) -> _ValueT:
        """The answer. Raises what ``ask`` raises; a NotFoundError is an answer too."""
        entry = self._entry(key)
        if entry.answer is None or self._clock() >= entry.expires_at:
            await self._refresh(entry, ask)
        if isinstance(entry.answer, NotFoundError):
            raise NotFoundError(entry.answer.message, reason=entry.answer.reason)
        assert entry.answer is not None  # refreshed, or the source's error was raised
        return entry.answer

    def _entry(self, key: _KeyT) -> _Entry[_ValueT]:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > _CAPACITY:
            self._entries.popitem(last=False)
        return entry

    async def _refresh(self, entry: _Entry[_ValueT], ask: Callable[[], Awaitable[_ValueT]]) -> None:
        if entry.question is None:
            entry.question = asyncio.ensure_future(self._asked(entry, ask))
        # Shielded: others wait for the same question even if the first caller leaves.
        await asyncio.shield(entry.question)

    async def _asked(self, entry: _Entry[_ValueT], ask: Callable[[], Awaitable[_ValueT]]) -> None:
        try:
            entry.answer = await ask()
        except NotFoundError as error:
            entry.answer = error
        except RetryLaterError as error:
            if entry.answer is None:
                raise
            _LOG.warning("no answer (%s): the last one stays valid", error.reason)
        finally:
            entry.question = None
        entry.expires_at = self._clock() + self._seconds
