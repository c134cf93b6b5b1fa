"""Sends a pool a message at a time, and keeps what became of it."""

from collections.abc import Callable
from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.campaigns.pool import CandidateMessage, PoolColumns, candidate_messages
from epitaxy.client.campaigns.reading import read_candidate_outcome
from epitaxy.client.campaigns.results import CandidateOutcome, PoolReport
from epitaxy.client.errors import InvalidRequestError

_MAX_OUTCOMES = 10_000
PoolCallback = Callable[[int, int | None], None]
"""Called with the number of candidates that were sent, and of all if it is known."""


class PoolSender:
    """Reads a pool a message at a time, and keeps what became of it."""

    def __init__(self, name: str, columns: PoolColumns, request_id: str, on_progress: PoolCallback | None) -> None:
        self._name, self._columns, self._request_id, self._on_progress = name, columns, request_id, on_progress
        self._number = self._n_read = 0
        self._total: int | None = None
        self._outcomes: list[CandidateOutcome] = []

    def open(self, pool: Any) -> CandidateMessage:
        """The first message. Raises InvalidRequestError if the pool holds no candidate at all."""
        stream = self._columns.open(pool)
        self._total = stream.count() if self._on_progress is not None else None
        self._messages = candidate_messages(stream, self._columns)
        first = next(self._messages)
        if first.is_last and not first.candidates:
            why = f": {first.refused[0][0]}: {first.refused[0][1].message}" if first.refused else ""
            raise InvalidRequestError(f"the pool holds no candidate that can be sent{why}", reason="EMPTY_POOL")
        return first

    def draw(self) -> CandidateMessage | None:
        """The next message, None at the end."""
        return next(self._messages, None)

    def request(self, message: CandidateMessage) -> campaigns_pb2.AddCandidatesRequest:
        """The message on the wire."""
        self._number += 1
        return campaigns_pb2.AddCandidatesRequest(
            name=self._name,
            request_id=f"{self._request_id}/{self._number}",
            candidates=message.candidates,
            is_last=message.is_last,
        )

    def note(self, message: CandidateMessage, response: campaigns_pb2.AddCandidatesResponse) -> None:
        """Takes in an answer."""
        self._n_read += len(message.candidates) + len(message.refused)
        found = [CandidateOutcome(name, error) for name, error in message.refused]
        found += map(read_candidate_outcome, response.outcomes)
        self._outcomes += found[: _MAX_OUTCOMES - len(self._outcomes)]
        if self._on_progress is not None:
            self._on_progress(self._n_read, self._total)

    def report(self) -> PoolReport:
        """What became of all candidates."""
        return PoolReport(self._n_read, tuple(self._outcomes))
