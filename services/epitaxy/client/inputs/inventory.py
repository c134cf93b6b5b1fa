"""The files of a screening, listed before any is read."""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.archives import is_archive, list_members, read_members
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.files import count_file, holds_structures, read_file, why_ignored
from epitaxy.client.inputs.item import Source
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import row_opener_of
from epitaxy.client.inputs.stored import StoredFile, without_compression
from epitaxy.client.inputs.structure_files import refuse_file, stem_of
from epitaxy.tables.ids import clean_id

PathLike = str | os.PathLike[str]
_SHOWN_IGNORED = 20


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, with a longer name that tells it from another one of the same stem.

    Attributes:
        path: Path on disk, of the archive if the file is in one.
        long_name: Path below the folder, or in the archive.
        member: Name in the archive; empty for a file on disk.
    """

    path: str
    long_name: str
    member: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Files in the order in which they are read.

    Attributes:
        n_ignored: Files in the folders and archives that are not read.
        ignored: The first of them, each with why.
        columns: Columns that are read of tables.
    """

    files: tuple[InputFile, ...]
    n_ignored: int = 0
    ignored: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)

    @classmethod
    def of(
        cls, paths: Iterable[PathLike], exclude: Collection[Path] = (), columns: Columns | None = None
    ) -> "Inventory":
        """Lists files as given, folders and archives; folders recursively and sorted, without hidden folders.

        Raises:
            InvalidRequestError: A path does not exist, or an archive cannot be read.
        """
        banned = {path.resolve() for path in exclude}
        banned_names = {path.name for path in banned}
        files: list[InputFile] = []
        log = ReadingLog()
        for path in map(Path, paths):
            if not path.exists():
                raise InvalidRequestError(f"no such file or folder: {path}", reason="NO_SUCH_FILE")
            if path.is_file() and is_archive(path.name):
                files.extend(_members(path, log))
                continue
            for found, long_name in _walk(path):
                if found.name in banned_names and found.resolve() in banned:
                    continue
                if found is path or _is_input(found):
                    files.append(InputFile(str(found), long_name))
                else:
                    _ignore(found, long_name, log)
        return cls(tuple(files), log.n_ignored, tuple(log.ignored), columns or Columns())

    def read(self, log: ReadingLog | None = None) -> Iterator[tuple[str, Source]]:
        """Id and source of every structure, file after file.

        Args:
            log: Takes what is left out within files, and how tables were read.
        """
        log = log if log is not None else ReadingLog()
        for _, _, sources in self.read_files(log):
            yield from sources

    def read_files(self, log: ReadingLog) -> Iterator[tuple[StoredFile, str, Iterator[tuple[str, Source]]]]:
        """Each file with its id and its structures, which are read as they are drawn."""
        names = zip(self.files, self._ids(), strict=True)
        for path, group in groupby(names, key=lambda pair: pair[0].path if pair[0].member else ""):
            if path:
                yield from self._read_archive(Path(path), list(group), log)
                continue
            for file, file_id in group:
                stored = StoredFile(file.path)
                yield stored, file_id, read_file(stored, file_id, self.columns, log)

    def _read_archive(
        self, path: Path, files: list[tuple[InputFile, str]], log: ReadingLog
    ) -> Iterator[tuple[StoredFile, str, Iterator[tuple[str, Source]]]]:
        waiting = iter(files)
        try:
            members = read_members(path, frozenset(file.member for file, _ in files))
            for (file, file_id), (name, content) in zip(waiting, members, strict=False):
                if file.member != name:
                    raise ValueError("the archive changed while it was read")
                stored = StoredFile(name, content)
                yield stored, file_id, read_file(stored, file_id, self.columns, log)
        except (OSError, ValueError) as error:
            archive = StoredFile(str(path))
            yield archive, path.name, iter([(path.name, refuse_file(archive, error))])

    def count(self) -> int:
        """Structures in all files, from footers and line counts; one for each file in an archive."""
        return sum(1 if file.member else count_file(StoredFile(file.path), self.columns) for file in self.files)

    def fingerprint(self) -> str:
        """Hex digest of names, sizes and times of change: equal while the inputs stay as they are."""
        content = hashlib.sha256()
        for path, _ in groupby(self.files, key=lambda file: file.path):
            state = Path(path).stat()
            name = os.fsencode(Path(path).absolute())
            content.update(b"%b\0%d\0%d\n" % (name, state.st_size, state.st_mtime_ns))
        return content.hexdigest()

    def _ids(self) -> Iterator[str]:
        """The stem if it is unique, else the path below the given folder, else that path with a number."""
        own = [stem_of(file.member or file.path) for file in self.files]
        stems = Counter(own)
        names = Counter(file.long_name for file in self.files)
        seen: Counter[str] = Counter()
        for file, stem in zip(self.files, own, strict=True):
            name = file.long_name
            seen[name] += 1
            suffix = f"#{seen[name]}" if names[name] > 1 else ""
            yield clean_id(stem if stems[stem] == 1 else f"{name}{suffix}")


def _is_input(path: Path) -> bool:
    """Whether a file of a folder is read: the CSV file beside structures holds their labels, not them."""
    name = path.name
    if name.startswith("._") or not holds_structures(name):
        return False
    return not without_compression(name).lower().endswith(".csv")


def _ignore(path: Path, long_name: str, log: ReadingLog) -> None:
    if len(log.ignored) >= _SHOWN_IGNORED:
        why = ""  # not shown, so the file is not opened
    elif is_archive(path.name):
        why = "an archive in a folder; name the archive itself to read it"
    elif row_opener_of(path.name) is not None and not path.name.startswith("._"):
        why = "a CSV table in a folder; name the table itself to read structures from it"
    else:
        why = why_ignored(path)
    log.ignore(clean_id(long_name), why)


def _members(path: Path, log: ReadingLog) -> Iterator[InputFile]:
    """Files of an archive in its order."""
    for member in list_members(path):
        obstacle = member.obstacle
        name = member.name.rsplit("/", 1)[-1]
        if not obstacle and (not holds_structures(name) or without_compression(name).lower().endswith(".csv")):
            obstacle = "no ending of a structure file"
        if obstacle:
            log.ignore(clean_id(f"{path.name}/{member.name}"), obstacle)
        else:
            yield InputFile(str(path), member.name.removeprefix("./"), member.name)


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
