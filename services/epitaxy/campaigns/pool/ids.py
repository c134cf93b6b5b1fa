"""Rows by candidate id, for a million of them in some 16 MB."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_FRESH = 65_536


class IdIndex:
    """Rows by a 64-bit digest of the id: two ids of a million collide once in 30 million pools."""

    def __init__(self) -> None:
        self._digests: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._fresh: dict[int, int] = {}
        self.n_rows = 0

    def row_of(self, candidate_id: str) -> int | None:
        """The row of an id; None if there is none."""
        digest = _digest(candidate_id)
        if digest in self._fresh:
            return self._fresh[digest]
        place = int(np.searchsorted(self._digests, np.uint64(digest)))
        if place < len(self._digests) and self._digests[place] == digest:
            return int(self._rows[place])
        return None

    def add(self, ids: Sequence[str]) -> None:
        """Adds the next rows; of equal ids the first stands."""
        for candidate_id in ids:
            if self.row_of(candidate_id) is None:
                self._fresh[_digest(candidate_id)] = self.n_rows
            self.n_rows += 1
            if len(self._fresh) >= _FRESH:
                self._merge()

    def _merge(self) -> None:
        digests = np.concatenate([self._digests, np.fromiter(self._fresh, dtype=np.uint64)])
        rows = np.concatenate([self._rows, np.fromiter(self._fresh.values(), dtype=np.int64)])
        order = np.argsort(digests)
        self._digests, self._rows, self._fresh = digests[order], rows[order], {}


def _digest(candidate_id: str) -> int:
    return int.from_bytes(blake2b(candidate_id.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
