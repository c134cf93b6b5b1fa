"""The files of a screening, listed before any is read."""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.files import count_file, kind_of, read_file, stem_of
from epitaxy.client.inputs.item import Source, clean_id

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, with a longer name that tells it from another one of the same stem."""

    path: str
    long_name: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Files in the order in which they are read.

    Attributes:
        n_ignored: Files in the folders that hold no structures, by their names.
    """

    files: tuple[InputFile, ...]
    n_ignored: int = 0

    @classmethod
    def of(cls, paths: Iterable[PathLike], exclude: Collection[Path] = ()) -> "Inventory":
        """Lists files as given, and folders recursively and sorted; hidden folders are not entered.

        Raises:
            InvalidRequestError: A path does not exist.
        """
        banned = {path.resolve() for path in exclude}
        banned_names = {path.name for path in banned}
        files, n_ignored = [], 0
        for path in map(Path, paths):
            if not path.exists():
                raise InvalidRequestError(f"no such file or folder: {path}", reason="NO_SUCH_FILE")
            for found, long_name in _walk(path):
                if found.name in banned_names and found.resolve() in banned:
                    continue
                if found is not path and kind_of(found) is None:
                    n_ignored += 1
                    continue
                files.append(InputFile(str(found), long_name))
        return cls(tuple(files), n_ignored)

    def read(self, known_columns: Sequence[str] = ()) -> Iterator[tuple[str, Source]]:
        """Id and source of every structure, file after file; of tables with the known values in these columns."""
        for file, file_id in zip(self.files, self._ids(), strict=True):
            yield from read_file(Path(file.path), file_id, known_columns)

    def count(self) -> int:
        """Structures in all files, from footers and line counts."""
        return sum(count_file(Path(file.path)) for file in self.files)

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
        stems = Counter(stem_of(file.path) for file in self.files)
        names = Counter(file.long_name for file in self.files)
        seen: Counter[str] = Counter()
        for file in self.files:
            stem, name = stem_of(file.path), file.long_name
            seen[name] += 1
            suffix = f"#{seen[name]}" if names[name] > 1 else ""
            yield clean_id(stem if stems[stem] == 1 else f"{name}{suffix}")


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
