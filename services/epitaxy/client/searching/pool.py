"""The candidates of one search: read once, kept on disk, found again by position or id."""

from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.screening.chunks import Chunker
from epitaxy.client.screening.reading import refused_result
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.searching.spool import Spool


class CandidatePool:
    """Draws candidates from a stream of items. Memory holds 16 bytes for each of them."""

    def __init__(self, items: Iterator[InputItem], chunk_size: int) -> None:
        self._chunker = Chunker(items, chunk_size)
        self._chunk_size = chunk_size
        self._items = Spool()
        self._names = array("q")
        self.refusals: Counter[str] = Counter()
        self._ready: deque[ScreenResult] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, number: int) -> InputItem:
        """The candidate at a position."""
        item: InputItem = self._items[number]
        return item

    @property
    def is_exhausted(self) -> bool:
        """Whether all candidates were read."""
        return self._chunker.is_exhausted

    def draw(self, start: int) -> Sequence[InputItem]:
        """Candidates from a position on, at most one message's worth; none at the end of the pool."""
        if start < len(self):
            return [self[number] for number in range(start, min(start + self._chunk_size, len(self)))]
        while not self.is_exhausted:
            chunk = self._chunker.draw()
            for item, error in chunk.refused:
                self.refusals[error.reason] += 1
                self._ready.append(refused_result(item, error))
            for item in chunk.to_send:
                self._items.append(item)
                self._names.append(_name(item.id))
            if chunk.to_send:
                return chunk.to_send
        return ()

    def take_refused(self) -> list[ScreenResult]:
        """Rows that the client itself refuses; each is told once."""
        refused = list(self._ready)
        self._ready.clear()
        return refused

    def position_of(self, candidate_id: str) -> int:
        """Position of the first candidate of that id. Raises InvalidRequestError if there is none."""
        names = np.frombuffer(self._names, dtype=np.int64) if len(self) else np.zeros(0, dtype=np.int64)
        for number in np.flatnonzero(names == _name(candidate_id)).tolist():
            if self[number].id == candidate_id:
                return number
        raise InvalidRequestError(f"no candidate has the id {candidate_id!r}", reason="UNKNOWN_CANDIDATE")

    def close(self) -> None:
        """Gives the disk's space back."""
        self._items.close()


def _name(candidate_id: str) -> int:
    digest = blake2b(candidate_id.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
