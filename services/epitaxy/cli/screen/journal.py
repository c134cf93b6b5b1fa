"""The answers of a screening as they come, on disk: what a killed run leaves for ``--resume``.

A text file beside the table: a header line that binds it to its run, then one line an answer. Only the last line
can be torn, and a torn line is dropped: its structure is asked for again.
"""

import json
import mmap
import os
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from epitaxy.client.results import ScreenResult
from epitaxy.client.screening.rows import Row, rows_of

FORMAT = 1
_ABSENT = -1


class JournalError(Exception):
    """The journal belongs to another run, or another process writes it."""


class Journal:
    """An append-only file of answers, with the place of each input's answer kept in memory (8 bytes an input)."""

    def __init__(self, path: Path, run: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens or makes the journal of a run; ``restart`` drops what is in it.

        Raises:
            JournalError: it belongs to a run with other inputs or options, or is in use.
        """
        self.path = path
        self._file: BinaryIO = path.open("a+b")
        try:
            _lock(self._file)
            if restart:
                self._file.truncate(0)
            self._offsets = array("q")
            self.n_answers = 0
            self._end = self._recover(run)
        except BaseException:
            self._file.close()
            raise

    def __contains__(self, index: int) -> bool:
        return index < len(self._offsets) and self._offsets[index] != _ABSENT

    def append(self, result: ScreenResult) -> None:
        """Adds an answer; it is safe once ``sync`` returns."""
        rows = rows_of(result)
        is_final = result.error is None or not result.error.retryable
        line = json.dumps([result.index, is_final, rows], separators=(",", ":")).encode() + b"\n"
        self._file.write(line)
        self._note(result.index, self._end)
        self._end += len(line)

    def sync(self) -> None:
        """Brings everything appended so far to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def in_order(self) -> Iterator[tuple[list[Row], bool]]:
        """The rows of each answer and whether it is final, in the order of the inputs."""
        self._file.flush()
        if self.n_answers == 0:
            return
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for offset in self._offsets:
                if offset != _ABSENT:
                    line = content[offset : content.find(b"\n", offset)]
                    _, is_final, rows = json.loads(line)
                    yield [tuple(row) for row in rows], is_final

    def close(self) -> None:
        """Closes the file and leaves it; an empty one goes, since there is nothing to resume."""
        self._file.close()
        if self.n_answers == 0:
            self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Deletes the file: the table holds everything."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _recover(self, run: Mapping[str, Any]) -> int:
        """Reads what is there, cuts off what is torn, and returns where to write on."""
        self._file.seek(0)
        header = self._file.readline()
        if not header.endswith(b"\n"):  # new, or killed before the first line was whole
            self._file.truncate(0)
            header = json.dumps({"journal": FORMAT, **run}).encode() + b"\n"
            self._file.write(header)
            self.sync()
            return len(header)
        _check_header(header, run, self.path)
        end = self._read_answers(len(header))
        self._file.truncate(end)
        self._file.seek(end)
        return end

    def _read_answers(self, offset: int) -> int:
        for line in self._file:
            entry = _parse(line)
            if entry is None:
                break
            index, is_final = entry
            if is_final:  # what failed by a passing fault is asked again
                self._note(index, offset)
            offset += len(line)
        return offset

    def _note(self, index: int, offset: int) -> None:
        missing = index + 1 - len(self._offsets)
        if missing > 0:
            self._offsets.extend([_ABSENT] * missing)
        self.n_answers += self._offsets[index] == _ABSENT
        self._offsets[index] = offset


def _parse(line: bytes) -> tuple[int, bool] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        index, is_final, _ = json.loads(line)
    except ValueError:
        return None
    return int(index), bool(is_final)


def _check_header(header: bytes, run: Mapping[str, Any], path: Path) -> None:
    try:
        found = json.loads(header)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("journal") != FORMAT:
        raise JournalError(f"{path} is no journal of this version; pass --restart to begin anew")
    changed = [
        f"{name} ({_short(found.get(name))} then, {_short(value)} now)"
        for name, value in run.items()
        if found.get(name) != value
    ]
    if changed:
        raise JournalError(f"{path} is of a run with other {', '.join(changed)}; repeat that run, or pass --restart")


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def _lock(file: BinaryIO) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, which goes without the lock
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalError(f"{file.name} is in use: another screening writes the same table") from error
