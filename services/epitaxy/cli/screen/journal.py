"""The journal of a screening: its answers on disk, from which ``--resume`` continues.

The journal is a text file beside the table. A header line binds it to its run, then there is one line per answer. If
the run is killed, only the last line can be torn; it is dropped, and its structure is requested again.
"""

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from epitaxy.client.screening.column_table import LongTable
from epitaxy.client.screening.columns import FAILED, ScreenColumns
from epitaxy.client.screening.rows import Row

FORMAT = 2
_ABSENT = -1
_READ_BYTES = 8 << 20


class JournalError(Exception):
    """The journal belongs to another run, or another process is writing it."""


class Journal:
    """An append-only file of answers. Keeps the position of each answer in memory, 8 bytes per input."""

    def __init__(self, path: Path, run: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens or creates the journal of a run.

        Args:
            path: File of the journal.
            run: Everything that must stay the same for the run to be resumed.
            restart: Discards what the file holds.

        Raises:
            JournalError: the journal belongs to a run with other inputs or options, or is in use.
        """
        self.path = path
        self._file: BinaryIO = path.open("a+b")
        try:
            lock(self._file)
            if restart:
                self._file.truncate(0)
            self._offsets = array("q")
            self.n_answers = self._n_synced = 0
            self._end = self._recover(run)
            self._n_synced = self.n_answers
        except BaseException:
            self._file.close()
            raise

    def __contains__(self, index: int) -> bool:
        return index < len(self._offsets) and self._offsets[index] != _ABSENT

    def append(self, answers: ScreenColumns) -> None:
        """Adds answers, which are safely on disk once ``sync`` has returned."""
        table = LongTable(answers)
        rows = table.rows()
        n_rows = np.bincount(table.structures, minlength=len(answers)).tolist()
        are_final = (answers.outcomes != FAILED).tolist()
        for index, is_final, number in zip(answers.indices.tolist(), are_final, n_rows, strict=True):
            own = list(islice(rows, number))
            line = json.dumps([index, is_final, own], separators=(",", ":")).encode() + b"\n"
            self._file.write(line)
            self._note(index, self._end)
            self._end += len(line)

    def sync(self) -> None:
        """Writes everything appended so far to disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._n_synced = self.n_answers

    def in_order(self) -> Iterator[tuple[list[Row], bool]]:
        """Yields the rows of each answer, and whether the answer is final, in the order of the inputs."""
        self._file.flush()
        if self.n_answers == 0:
            return
        # Answers lie nearly in the order of the inputs: the buffer holds the next one most of the time. A map of the
        # file would count as memory of this process.
        with self.path.open("rb", buffering=_READ_BYTES) as content:
            for offset in self._offsets:
                if offset != _ABSENT:
                    content.seek(offset)
                    _, is_final, rows = json.loads(content.readline())
                    yield [tuple(row) for row in rows], is_final

    def close(self) -> int:
        """Closes the file and keeps it, unless it has no answers to resume from; returns their number."""
        try:
            self._file.close()
        except OSError:
            # On a full disk the answers since the last ``sync`` stay unwritten: a resumed run asks for them again.
            self.n_answers = self._n_synced
        if self.n_answers == 0:
            self.path.unlink(missing_ok=True)
        return self.n_answers

    def remove(self) -> None:
        """Deletes the file, once the table holds all of it."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _recover(self, run: Mapping[str, Any]) -> int:
        """Reads the file, cuts off a torn line, and returns the offset at which to continue."""
        self._file.seek(0)
        header = self._file.readline()
        if not header.endswith(b"\n"):  # new, or killed before the header was complete
            self._file.truncate(0)
            header = json.dumps({"journal": FORMAT, **run}).encode() + b"\n"
            self._file.write(header)
            self.sync()
            return len(header)
        check_header(header, run, self.path, ("journal", FORMAT))
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
            if is_final:  # an answer that failed by a passing fault is requested again
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


def check_header(header: bytes, run: Mapping[str, Any], path: Path, form: tuple[str, int]) -> None:
    """Raises JournalError unless a header is of this form and of this run."""
    try:
        found = json.loads(header)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get(form[0]) != form[1]:
        raise JournalError(f"{path} is not a journal of this version; pass --restart to discard it")
    changed = [
        f"{name} ({_short(found.get(name))} then, {_short(value)} now)"
        for name, value in run.items()
        if found.get(name) != value
    ]
    if changed:
        raise JournalError(
            f"{path} belongs to a run with different {', '.join(changed)}; repeat that run, or pass --restart"
        )


def _short(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def lock(file: BinaryIO) -> None:
    """Raises JournalError if another process holds the file."""
    try:
        import fcntl  # noqa: PLC0415 - missing on Windows, where there is no lock
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalError(f"{file.name} is in use: another screening is writing the same table") from error
