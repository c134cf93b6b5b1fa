"""The journal of a download: its pages on disk, from which a killed download resumes.

The journal is a text file. A header line binds it to its query, then there is one line per page, with the link to the
next page. If the download is killed, only the last line can be torn; it is dropped, and its page is requested again.
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
    """Entries of a page, and the link to the next page: None for the last."""

    entries: list[dict[str, Any]]
    next: str | None


class PageJournal:
    """An append-only file of pages."""

    def __init__(self, path: Path, query: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens or creates the journal of a query; ``restart`` discards what the file holds.

        Raises FetchUsageError if it belongs to another query, or if another process is writing it.
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
        """True if the journal has the last page."""
        return self.n_pages > 0 and self.next is None

    def append(self, page: Page) -> None:
        """Adds a page, which is on disk when this returns."""
        self._write({"next": page.next, "n": len(page.entries), "data": page.entries})
        self._note(page.next, len(page.entries))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yields all entries so far, in order, with one page in memory at a time."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield from json.loads(line)["data"]

    def close(self) -> None:
        """Closes the file and keeps it."""
        self._file.close()

    def remove(self) -> None:
        """Deletes the file, once the table holds all of it."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _recover(self, query: Mapping[str, Any]) -> dict[str, Any]:
        self._file.seek(0)
        line = self._file.readline()
        if not line.endswith(b"\n"):  # new, or killed before the header was complete
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
        raise FetchUsageError(f"{path} is not a page journal of this version: pass --restart to discard it")
    # The day of the first request is kept but not compared: a download may take longer than a day.
    changed = [name for name, value in query.items() if name != "retrieved" and found.get(name) != value]
    if changed:
        raise FetchUsageError(
            f"{path} belongs to a download with different {', '.join(changed)}: repeat that one, or pass --restart"
        )
    return found


def _lock(file: BinaryIO) -> None:
    try:
        import fcntl  # noqa: PLC0415 - missing on Windows, where there is no lock
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FetchUsageError(f"{file.name} is in use: another download is writing the same table") from error
