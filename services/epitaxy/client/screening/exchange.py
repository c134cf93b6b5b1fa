"""The state of one screening: what is sent, answered, and to be sent again. No I/O; used by one thread at a time."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.errors import Fault
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.results import ItemError, ResultBlockReader, ScreenResult
from epitaxy.client.screening.chunks import Chunker, Parcel, no_answer

# Messages under way at once: enough to keep a few replicas busy, little enough to hold in memory.
WINDOW = 16
MAX_ITEM_RETRIES = 3
_ITEM_RETRY_SECONDS = 0.5


class Exchange:
    """Cuts items into messages, matches answers to items, and knows what a lost stream leaves to do."""

    def __init__(self, items: Iterator[InputItem], options: prediction_pb2.PredictionOptions, chunk_size: int) -> None:
        self._options = options
        self._chunk_size = chunk_size
        self._chunker = Chunker(items, chunk_size)
        self._next_sequence = 0
        self._in_flight: dict[int, Parcel] = {}
        self._lost: deque[Parcel] = deque()
        self._delayed: deque[tuple[float, InputItem]] = deque()
        self._n_retries: Counter[int] = Counter()
        self._ready: list[ScreenResult] = []

    @property
    def can_send(self) -> bool:
        """True while another message may go out before an answer comes, and there is, or may be, one to send."""
        has_unsent = bool(self._lost) or not self._chunker.is_exhausted or self.seconds_to_retry == 0.0
        return has_unsent and len(self._in_flight) < WINDOW

    def patience(self, silence_limit_seconds: float) -> float:
        """Seconds to wait for an answer while there is nothing to send."""
        if not self._in_flight:
            return self.seconds_to_retry or 0.0
        if len(self._in_flight) >= WINDOW:
            return silence_limit_seconds
        return min(silence_limit_seconds, self.seconds_to_retry or silence_limit_seconds)

    @property
    def is_waiting(self) -> bool:
        """True while a message is unanswered."""
        return bool(self._in_flight)

    @property
    def is_finished(self) -> bool:
        """True when every item has its result."""
        return self._chunker.is_exhausted and not (self._in_flight or self._lost or self._delayed or self._ready)

    @property
    def seconds_to_retry(self) -> float | None:
        """Until an item is to be sent again, None where none is."""
        return max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None

    def next_request(self) -> prediction_pb2.ScreenRequest | None:
        """The next message, None where there is nothing to send now; what a lost stream left goes first."""
        if self._lost:
            return self._send(self._lost.popleft())
        items = self._due_items() or self._fresh_items()
        return self._send(Parcel.of(items)) if items else None

    def take_ready(self) -> list[ScreenResult]:
        """Results that need no answer: the client's own refusals."""
        ready, self._ready = self._ready, []
        return ready

    def receive(self, block: prediction_pb2.ResultBlock) -> list[ScreenResult]:
        """Results of one answer; items that deserve another try are kept back. An unknown sequence is ignored."""
        parcel = self._in_flight.pop(block.sequence, None)
        if parcel is None:
            return []
        reader = ResultBlockReader(block)
        waiting = dict(parcel.by_wire_id)
        results = [
            reader.read(answer, item.id, item.index)
            for answer in reader
            if (item := waiting.pop(answer.id, None)) is not None
        ]
        results += [refused_result(item, no_answer()) for item in waiting.values()]
        items = {item.index: item for item in parcel.by_wire_id.values()}
        return [result for result in results if not self._is_kept_back(result, items[result.index])]

    def lose_stream(self) -> None:
        """Everything unanswered is to be sent again."""
        self._lost.extend(self._in_flight.values())
        self._in_flight.clear()

    def _send(self, parcel: Parcel) -> prediction_pb2.ScreenRequest:
        sequence = self._next_sequence
        self._next_sequence += 1
        self._in_flight[sequence] = parcel
        return prediction_pb2.ScreenRequest(options=self._options, structures=parcel.structures, sequence=sequence)

    def _due_items(self) -> list[InputItem]:
        due: list[InputItem] = []
        while self._delayed and self._delayed[0][0] <= time.monotonic() and len(due) < self._chunk_size:
            due.append(self._delayed.popleft()[1])
        return due

    def _fresh_items(self) -> list[InputItem]:
        if self._chunker.is_exhausted:
            return []
        chunk = self._chunker.draw()
        self._ready.extend(refused_result(item, error) for item, error in chunk.refused)
        return list(chunk.to_send)

    def _is_kept_back(self, result: ScreenResult, item: InputItem) -> bool:
        """True where the item will be sent again instead of being reported."""
        if result.error is None or not result.error.retryable:
            self._n_retries.pop(item.index, None)
            return False
        if self._n_retries[item.index] >= MAX_ITEM_RETRIES:
            return False
        self._n_retries[item.index] += 1
        wait = _ITEM_RETRY_SECONDS * 2 ** (self._n_retries[item.index] - 1)
        self._delayed.append((time.monotonic() + wait, item))
        return True


@dataclass(slots=True)
class Reconnects:
    """How often, and after what wait, a lost stream is opened again."""

    n_lost: int = field(default=0, init=False)
    was_answered: bool = field(default=False, init=False)

    def note_answer(self) -> None:
        """Progress: patience starts anew."""
        self.n_lost, self.was_answered = 0, True

    def seconds_to_wait(self, fault: Fault) -> float | None:
        """Before the next try, None to give up: soon where no server was ever seen, after half a minute otherwise."""
        limit = 8 if self.was_answered or fault.retry_after_seconds is not None else 3
        if not fault.is_passing or self.n_lost >= limit:
            return None
        backoff: float = min(0.2 * 2**self.n_lost, 10.0)
        self.n_lost += 1
        return max(backoff, min(fault.retry_after_seconds or 0.0, 30.0))


def refused_result(item: InputItem, error: ItemError) -> ScreenResult:
    """The result of an item that no model saw."""
    return ScreenResult(item.id, item.index, error=error)
