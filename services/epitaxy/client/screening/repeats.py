"""Ids that a screening met more than once. Results keep their own rows; the caller is told."""

from array import array
from collections.abc import Sequence

import numpy as np

# Ids are kept as such up to about here, to name repeated ones; beyond, only their hashes are, 8 bytes each.
_MAX_KEPT = 100_000
_SHOWN = 3


class IdTally:
    """Counts ids that are repeated."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._kept: set[str] = set()
        self._examples: dict[str, None] = {}

    def add(self, item_id: str) -> None:
        """Notes the id of one result."""
        self._hashes.append(hash(item_id))
        if item_id in self._kept:
            if len(self._examples) < _SHOWN:
                self._examples[item_id] = None
        elif len(self._kept) < _MAX_KEPT:
            self._kept.add(item_id)

    def add_all(self, ids: Sequence[str]) -> None:
        """Notes the ids of some results."""
        fresh = set(ids)
        if len(fresh) == len(ids) and self._kept.isdisjoint(fresh):
            self._hashes.extend(map(hash, ids))
            if len(self._kept) < _MAX_KEPT:
                self._kept |= fresh
            return
        for item_id in ids:
            self.add(item_id)

    @property
    def examples(self) -> tuple[str, ...]:
        """A few repeated ids."""
        return tuple(self._examples)

    def count(self) -> int:
        """Number of ids that occur more than once. Sorts all hashes, so call it at the end."""
        if not self._hashes:
            return 0
        _, counts = np.unique(np.frombuffer(self._hashes, dtype=np.int64), return_counts=True)
        return int((counts > 1).sum())

    def sentence(self) -> str:
        """What to tell the caller; empty if no id is repeated."""
        n_repeated = self.count()
        if not n_repeated:
            return ""
        shown = f" ({', '.join(one[:60] for one in self.examples)})" if self.examples else ""
        return f"{n_repeated} repeated id{'s' if n_repeated > 1 else ''}{shown}: every structure keeps its row"
