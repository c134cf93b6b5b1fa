"""Pages as they come, on disk: what a killed download leaves to resume from.

A text file: a header line that binds it to its query, then one line a page with the link to the next one. Only the
last line can be torn, and a torn line is dropped: its page is asked for again.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from epitaxy.datasets.errors import FetchUsageError

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Entries and where the next page is: None for the last."""

    entries: list[dict[str, Any]]
    next: str | None


class PageJournal:
    """An append-only file of pages."""

    def __init__(self, path: Path, query: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens or makes the journal of a query; ``restart`` drops what is in it.

        Raises FetchUsageError where it belongs to another query or another process writes it.
        """
        self.path = path
        self.n_pages = 0
        self.n_entries = 0
        self.next: str | None = None
        self._file: BinaryIO = path.open("a+b")
        try:
            _lock(self._file)
            if restart:
                self._file.truncate(0)
            self.header: dict[str, Any] = self._recover(query)
        except BaseException:
            self._file.close()
            raise

    @property
    def is_complete(self) -> bool:
        """True when the last page is in."""
        return self.n_pages > 0 and self.next is None

    def append(self, page: Page) -> None:
        """Adds a page; it is on the disk when this returns."""
        self._write({"next": page.next, "n": len(page.entries), "data": page.entries})
        self._note(page.next, len(page.entries))

    def entries(self) -> Iterator[dict[str, Any]]:
        """All entries so far, in order, a page in memory at a time."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield from json.loads(line)["data"]

    def close(self) -> None:
        """Closes the file and leaves it."""
        self._file.close()

    def remove(self) -> None:
        """Deletes the file: the table holds everything."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _recover(self, query: Mapping[str, Any]) -> dict[str, Any]:
        self._file.seek(0)
        line = self._file.readline()
        if not line.endswith(b"\n"):  # new, or killed before the first line was whole
            self._file.truncate(0)
            header = {"page_journal": _FORMAT, **query}
            self._write(header)
            return header
        header = _checked_header(line, query, self.path)
        end = len(line)
        for line in self._file:
            page = _parse(line)
            if page is None:
                break
            self._note(page["next"], page["n"])
            end += len(line)
        self._file.truncate(end)
        return header

    def _note(self, link: str | None, n_entries: int) -> None:
        self.n_pages += 1
        self.n_entries += n_entries
        self.next = link

    def _write(self, document: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        page = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return page if isinstance(page, dict) and {"next", "n", "data"} <= page.keys() else None


def _checked_header(line: bytes, query: Mapping[str, Any], path: Path) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("page_journal") != _FORMAT:
        raise FetchUsageError(f"{path} is no page journal of this version: pass --restart to begin anew")
    # The day of the first request is kept, not compared: a download may take longer than one.
    changed = [name for name, value in query.items() if name != "retrieved" and found.get(name) != value]
    if changed:
        raise FetchUsageError(
            f"{path} is of a download with other {', '.join(changed)}: repeat that one, or pass --restart"
        )
    return found


def _lock(file: BinaryIO) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, which goes without the lock
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FetchUsageError(f"{file.name} is in use: another download writes the same table") from error
