"""Named entries in a file that the replicas of one machine share, where there is no Redis: docs/adr/0024."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import lmdb

from epitaxy.prediction.cache.shared_entries import name

_LOG = logging.getLogger(__name__)
_MAX_READERS = 512
# LMDB takes no longer name.
_NAME_BYTES = 511
# Share of the file.
_EMPTIED_AT = 0.7


class LmdbEntries:
    """Implements SharedEntries on LMDB. A full file is emptied: what is in it can be computed again."""

    def __init__(
        self, folder: Path, capacity_bytes: int, on_state: Callable[[bool], None] = lambda _is_up: None
    ) -> None:
        """Opens the file, or makes it; ``on_state`` is told after each operation whether it succeeded.

        Raises OSError or lmdb.Error if the folder cannot be used.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # Nothing is synchronized to the disk: after a crash of the machine a stack begins with another file.
        self._file = lmdb.open(
            str(folder), map_size=capacity_bytes, max_readers=_MAX_READERS, sync=False, metasync=False
        )
        self._capacity, self._on_state = capacity_bytes, on_state
        self._has_failed = False

    async def read(self, prefix: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Entries of these keys under the prefix; none if the file cannot be read."""
        try:
            with self._file.begin() as transaction:
                found = {key: transaction.get(name(prefix, key)) for key in keys}
        except lmdb.Error as error:
            self._fail(error)
            return {}
        self._on_state(True)
        return {key: entry for key, entry in found.items() if entry is not None}

    async def write(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Writes entries by their names, in a thread: another replica may hold the file for a moment."""
        items = [(full_name, entry) for full_name, entry in entries if len(full_name) <= _NAME_BYTES]
        if not items:
            return
        try:
            await asyncio.to_thread(self._write, items)
        except lmdb.Error as error:
            self._fail(error)
            return
        self._on_state(True)

    def _write(self, items: Sequence[tuple[bytes, bytes]]) -> None:
        with self._file.begin(write=True) as transaction:
            # Well before the file is full: emptying takes pages too, and freed ones are written again a little later.
            if self._used_bytes() > _EMPTIED_AT * self._capacity:
                _LOG.info("the shared cache is full: emptying it")
                transaction.drop(self._file.open_db(None, txn=transaction), delete=False)
                return  # these items are let go
            for full_name, entry in items:
                transaction.put(full_name, entry)

    def _used_bytes(self) -> int:
        stat = self._file.stat()
        return int(stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]))

    def _fail(self, error: lmdb.Error) -> None:
        if not self._has_failed:
            _LOG.warning("the shared cache fails (%s): going on without it", type(error).__name__)
            self._has_failed = True
        self._on_state(False)
