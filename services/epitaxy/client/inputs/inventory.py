"""The files of a screening, listed before any is read."""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.blocks import CellBlock
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.files import count_file, holds_structures, is_csv, read_file, read_file_blocks, why_ignored
from epitaxy.client.inputs.item import Source
from epitaxy.client.inputs.reading_log import ReadingLog, lines_of_ignored
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.structure_files import stem_of
from epitaxy.tables.ids import clean_id

PathLike = str | os.PathLike[str]
# Files of unknown kind that are opened to say what they are; of more, the name alone tells.
_MAX_OPENED = 20


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, with a longer name that tells it from another one of the same stem."""

    path: str
    long_name: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Files in the order in which they are read.

    Attributes:
        ignored: Files in the folders that hold no structures by their names, each path with a word on why; of very
            many the first.
        n_ignored: Number of all of them.
        columns: Columns that are read of tables.
    """

    files: tuple[InputFile, ...]
    ignored: tuple[tuple[str, str], ...] = ()
    n_ignored: int = 0
    columns: Columns = field(default_factory=Columns)

    @classmethod
    def of(
        cls, paths: Iterable[PathLike], exclude: Collection[Path] = (), columns: Columns | None = None
    ) -> "Inventory":
        """Lists files as given, and folders recursively and sorted; hidden folders are not entered.

        Raises:
            InvalidRequestError: A path does not exist.
        """
        banned = {path.resolve() for path in exclude}
        banned_names = {path.name for path in banned}
        banned_folders = {path for path in banned if path.is_dir()}
        files: list[InputFile] = []
        log = ReadingLog()
        for path in map(Path, paths):
            if not path.exists():
                raise InvalidRequestError(f"no such file or folder: {path}", reason="NO_SUCH_FILE")
            for found, long_name in _walk(path):
                if found.name in banned_names and found.resolve() in banned:
                    continue
                if banned_folders and not banned_folders.isdisjoint(found.resolve().parents):
                    continue
                if found is path or _is_input(found.name):
                    files.append(InputFile(str(found), long_name))
                else:
                    log.ignore(clean_id(long_name), why_ignored(found, opens=log.n_ignored < _MAX_OPENED))
        return cls(tuple(files), tuple(log.ignored), log.n_ignored, columns or Columns())

    def ignored_lines(self, most: int = 5) -> list[str]:
        """The ignored files for a person: their number, and the first ones by name with why; empty for none."""
        return lines_of_ignored(self.n_ignored, self.ignored, most)

    def read(self, log: ReadingLog | None = None) -> Iterator[tuple[str, Source]]:
        """Id and source of every structure, file after file.

        Args:
            log: Takes what is left out within files, and how tables were read.
        """
        for _, sources in self.read_files(log if log is not None else ReadingLog()):
            yield from sources

    def read_blocks(self, log: ReadingLog) -> Iterator[CellBlock | tuple[str, Source]]:
        """The same as ``read``; crystals of Parquet tables come as blocks where their cells are plain arrays."""
        for file, file_id in zip(self.files, self._ids(), strict=True):
            yield from read_file_blocks(StoredFile(file.path), file_id, self.columns, log)

    def read_files(self, log: ReadingLog) -> Iterator[tuple[StoredFile, Iterator[tuple[str, Source]]]]:
        """Each file with its structures, which are read as they are drawn."""
        for file, file_id in zip(self.files, self._ids(), strict=True):
            stored = StoredFile(file.path)
            yield stored, read_file(stored, file_id, self.columns, log)

    def count(self) -> int:
        """Structures in all files, from footers and line counts."""
        return sum(count_file(StoredFile(file.path), self.columns) for file in self.files)

    def fingerprint(self) -> str:
        """Hex digest of names, sizes and times of change: equal while the inputs stay as they are."""
        content = hashlib.sha256()
        for file in self.files:
            state = Path(file.path).stat()
            name = os.fsencode(Path(file.path).absolute())
            content.update(b"%b\0%d\0%d\n" % (name, state.st_size, state.st_mtime_ns))
        return content.hexdigest()

    def _ids(self) -> Iterator[str]:
        """The stem if it is unique, else the path below the given folder, else that path with a number."""
        own = [stem_of(file.path) for file in self.files]
        stems = Counter(own)
        names = Counter(file.long_name for file in self.files)
        seen: Counter[str] = Counter()
        for file, stem in zip(self.files, own, strict=True):
            name = file.long_name
            seen[name] += 1
            suffix = f"#{seen[name]}" if names[name] > 1 else ""
            yield clean_id(stem if stems[stem] == 1 else f"{name}{suffix}")


def _is_input(name: str) -> bool:
    """Whether a file of a folder is read. Names that begin with "._" are of the operating system."""
    return holds_structures(name) and not is_csv(name) and not name.startswith("._")


def _walk(path: Path) -> Iterator[tuple[Path, str]]:
    """Files under a path, each with its name relative to it."""
    if not path.is_dir():
        yield path, str(path)
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            found = Path(folder, name)
            yield found, found.relative_to(path).as_posix()
