"""The state of one screening: what is sent, answered, and to be sent again. No I/O; used by one thread at a time."""

import heapq
import time
from collections import Counter, deque
from collections.abc import Iterator

import numpy as np

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.inputs.blocks import InputBlock
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.screening.chunks import Chunker, Parcel, no_answer
from epitaxy.client.screening.column_reading import read_columns, read_items, refused_columns
from epitaxy.client.screening.columns import FAILED, ScreenColumns
from epitaxy.client.screening.pace import Pace

MAX_ITEM_RETRIES = 3
_ITEM_RETRY_SECONDS = 0.5


class Exchange:
    """Cuts items into messages, matches answers to items, and knows what a lost stream leaves to do."""

    def __init__(
        self, items: Iterator[InputItem | InputBlock], options: prediction_pb2.PredictionOptions, chunk_size: int | None
    ) -> None:
        """``chunk_size``: structures in a message; None: the default, more while answers come fast."""
        self._options = options
        self._pace = Pace(chunk_size)
        self._chunker = Chunker(items, self._pace.chunk_size)
        self._next_sequence = 0
        self._in_flight: dict[int, Parcel] = {}
        self._lost: deque[Parcel] = deque()
        # By due time; the index, which is unique, settles ties.
        self._delayed: list[tuple[float, int, InputItem]] = []
        self._n_retries: Counter[int] = Counter()
        self._ready: list[ScreenColumns] = []

    @property
    def can_send(self) -> bool:
        """True while another message may go out before an answer comes, and there is, or may be, one to send."""
        has_unsent = bool(self._lost) or not self._chunker.is_exhausted or self.seconds_to_retry == 0.0
        return has_unsent and len(self._in_flight) < self._pace.window

    def patience(self, silence_limit_seconds: float) -> float:
        """Seconds to wait for an answer while there is nothing to send."""
        if not self._in_flight:
            return self.seconds_to_retry or 0.0
        if len(self._in_flight) >= self._pace.window:
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
        """Seconds until the first item is due to be sent again, None if none is."""
        return max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None

    def next_request(self) -> prediction_pb2.ScreenRequest | None:
        """The next message, None if there is nothing to send now; what a lost stream left goes first."""
        if self._lost:
            return self._send(self._lost.popleft())
        due = self._due_items()
        parcel = Parcel.of(due) if due else self._fresh_parcel()
        return self._send(parcel) if parcel is not None else None

    def take_ready(self) -> list[ScreenColumns]:
        """Answers that need no server: the client's own refusals."""
        ready, self._ready = self._ready, []
        return ready

    def receive(self, block: prediction_pb2.ResultBlock) -> list[ScreenColumns]:
        """The answers in one message; items that deserve another try are kept back. An unknown sequence is ignored."""
        parcel = self._in_flight.pop(block.sequence, None)
        if parcel is None:
            return []
        answers = _read(block, parcel)
        self._pace.note(len(parcel), 0 if answers is None else int(answers.cache_hits.sum()))
        self._chunker.chunk_size = self._pace.chunk_size
        found = [answers] if answers is not None else []
        if len(answers or ()) < len(parcel):
            answered = set() if answers is None else set(answers.indices.tolist())
            left_out = [item for item in parcel.items() if item.index not in answered]
            found.append(refused_columns([(item, no_answer()) for item in left_out]))
        kept = [self._without_kept_back(part, parcel) for part in found]
        return [part for part in kept if len(part)]

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
        while self._delayed and self._delayed[0][0] <= time.monotonic() and len(due) < self._pace.chunk_size:
            due.append(heapq.heappop(self._delayed)[-1])
        return due

    def _fresh_parcel(self) -> Parcel | None:
        if self._chunker.is_exhausted:
            return None
        chunk = self._chunker.draw()
        if chunk.refused:
            self._ready.append(refused_columns(chunk.refused))
        return chunk.parcel()

    def _without_kept_back(self, answers: ScreenColumns, parcel: Parcel) -> ScreenColumns:
        """The answers to be reported: those of items that will be sent again are left out."""
        if self._n_retries:
            for index in answers.indices[answers.outcomes != FAILED].tolist():
                self._n_retries.pop(index, None)
        failed = np.flatnonzero(answers.outcomes == FAILED)
        if not len(failed):
            return answers
        items = {item.index: item for item in parcel.items()}
        kept_back = [row for row in failed.tolist() if self._keep_back(items[int(answers.indices[row])])]
        return answers.take(np.delete(np.arange(len(answers)), kept_back)) if kept_back else answers

    def _keep_back(self, item: InputItem) -> bool:
        """Keeps an item back that deserves another try; True if it will be sent again instead of being reported."""
        if self._n_retries[item.index] >= MAX_ITEM_RETRIES:
            return False
        self._n_retries[item.index] += 1
        wait = _ITEM_RETRY_SECONDS * 2 ** (self._n_retries[item.index] - 1)
        heapq.heappush(self._delayed, (time.monotonic() + wait, item.index, item))
        return True


def _read(block: prediction_pb2.ResultBlock, parcel: Parcel) -> ScreenColumns | None:
    """The answers as columns, whichever form they came in; None if they do not fit what was sent."""
    if not block.HasField("columns"):
        return read_items(block, parcel.by_wire_id())
    try:
        return read_columns(block, parcel.ids, parcel.indices)
    except ValueError:
        return None
