"""A table as a folder of Parquet parts: each is complete when it is there, and a killed run goes on after the last.

Beside the parts lies ``_parts.jsonl``, which readers of Parquet folders pass over: a header that binds the folder to
its run, then a line for each part.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from epitaxy.cli.screen.journal import JournalError, check_header, lock

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MANIFEST = "_parts.jsonl"


@dataclass(frozen=True, slots=True)
class Part:
    """One finished part.

    Attributes:
        number: Number of the part, from 0, in the order of the inputs.
        start: Position of its first input.
        end: Position after its last input.
        n_rows: Rows of the table in it.
        counts: Its inputs by outcome, as ``OutcomeTally`` counts them.
        errors: Refused and failed inputs: position, reason and message.
        n_failed: Inputs that a later run may see answered.
    """

    number: int
    start: int
    end: int
    n_rows: int
    counts: Mapping[str, Any]
    errors: tuple[tuple[int, str, str], ...] = field(default=(), repr=False)
    n_failed: int = 0

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"part-{self.number:05d}.parquet"


class PartFolder:
    """The parts of one run. Holds numbers and counts of the parts, none of their rows and none of their errors."""

    def __init__(self, path: Path, run: Mapping[str, Any], *, restart: bool = False) -> None:
        """Opens or creates the folder of a run.

        Args:
            path: The folder.
            run: Everything that must stay the same for the run to be resumed.
            restart: Discards the parts that the folder holds.

        Raises:
            JournalError: The folder holds something else, belongs to a run with other inputs or options, or is in use.
        """
        self.path = path
        path.mkdir(exist_ok=True)
        manifest = path / MANIFEST
        if not manifest.exists() and any(path.iterdir()):
            raise JournalError(f"{path} holds other files: name a new folder, or an empty one")
        self._file: BinaryIO = manifest.open("a+b")
        self._parts: dict[int, Part] = {}
        try:
            lock(self._file)
            if restart:
                self._discard()
            self._recover(run)
        except BaseException:
            self._file.close()
            raise

    @property
    def parts(self) -> list[Part]:
        """The finished parts in the order of the inputs, without their errors."""
        return [self._parts[number] for number in sorted(self._parts)]

    @property
    def end(self) -> int:
        """Position after the last input of the last part."""
        return max((part.end for part in self._parts.values()), default=0)

    def write(self, part: Part, table: "pa.Table") -> None:
        """Writes a part, or writes it anew; it is safely on disk when this returns."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - nothing else of the command needs it at its start

        partial = self.path / f".{part.name}.{os.getpid()}.partial"
        try:
            pq.write_table(table, partial, compression="zstd")
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(self.path / part.name)
        finally:
            partial.unlink(missing_ok=True)
        self._note(part)
        self._file.write(json.dumps(asdict(part), separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def errors(self) -> Iterator[tuple[int, str, str]]:
        """Inputs without an answer: position, reason and message; read from the disk a part at a time."""
        last = dict(self._lines())
        for number, offset in sorted(last.items()):
            if number in self._parts:
                self._file.seek(offset)
                yield from (
                    (index, reason, text) for index, reason, text in json.loads(self._file.readline())["errors"]
                )

    def close(self) -> None:
        """Closes the folder; one without any part is removed again."""
        self._file.close()
        if not self._parts:
            (self.path / MANIFEST).unlink(missing_ok=True)
            self.path.rmdir()

    def _note(self, part: Part) -> None:
        self._parts[part.number] = Part(
            part.number, part.start, part.end, part.n_rows, part.counts, n_failed=part.n_failed
        )

    def _discard(self) -> None:
        for path in self.path.glob("part-*.parquet"):
            path.unlink()
        self._file.truncate(0)

    def _recover(self, run: Mapping[str, Any]) -> None:
        for left in self.path.glob(".part-*.partial"):
            left.unlink()
        self._file.seek(0)
        header = self._file.readline()
        if not header.endswith(b"\n"):
            self._file.truncate(0)
            self._file.write(json.dumps({"parts": FORMAT, **run}).encode() + b"\n")
            self._file.flush()
            return
        check_header(header, {"parts": FORMAT, **run}, self.path, ("parts", FORMAT))
        end = len(header)
        for line in self._file:
            if not line.endswith(b"\n"):  # killed while it was written
                break
            record = json.loads(line)
            part = Part(**{**record, "errors": ()})
            if (self.path / part.name).exists():
                self._note(part)
            end += len(line)
        self._file.truncate(end)

    def _lines(self) -> Iterator[tuple[int, int]]:
        """Number and offset of every line of a part; of a part that was written anew the last one counts."""
        self._file.seek(0)
        offset = len(self._file.readline())
        for line in self._file:
            yield json.loads(line)["number"], offset
            offset += len(line)
