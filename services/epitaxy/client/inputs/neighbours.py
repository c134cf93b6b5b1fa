"""Structure files that the cells of a table name."""

import difflib
import os
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path

from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.structure_files import read_text_file, stem_of, text_kind_of

_SHOWN = 4
_MAX_FILES = 1_000_000


class NeighbourFiles:
    """Finds the structure files below a folder by name: exactly, or without ending, case or folder if only one fits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Source:
        """The one structure of the file that a cell names, or why there is none."""
        name = name.strip()
        exact = self._stored(name) if text_kind_of(name) is not None else None
        if exact is not None:
            return read_single(exact)
        found = self._matches(name)
        if len(found) == 1 and (file := self._stored(found[0])) is not None:
            return read_single(file)
        if found:
            shown = " or ".join(found[:_SHOWN])
            return refuse("AMBIGUOUS_FILE", f"{name[:80]!r} could be {shown}; write the whole name with its folder")
        return refuse("NO_SUCH_FILE", self._absence(name))

    def _stored(self, name: str) -> StoredFile | None:
        path = self._folder / name
        return StoredFile(str(path)) if path.is_file() else None

    def _matches(self, name: str) -> list[str]:
        """Files by the path below the folder, then by the name, then by the stem; in its own case first."""
        path = name.replace("\\", "/").removeprefix("./")
        base = path.rsplit("/", 1)[-1]
        for key in dict.fromkeys((path, base, stem_of(base))):
            for index, spelling in ((self._by_key, key), (self._by_lower_key, key.lower())):
                if spelling and index.get(spelling):
                    return index[spelling]
        return []

    def _absence(self, name: str) -> str:
        close = difflib.get_close_matches(stem_of(name).lower(), list(self._by_lower_key), n=1)
        hint = f"; the nearest is {self._by_lower_key[close[0]][0]}" if close else ""
        shown = name[:80] if text_kind_of(name) is not None else f"{name[:80]}.cif"
        return f"cannot read {shown}: no structure file below {self._folder} has that name with any ending{hint}"

    @cached_property
    def _files(self) -> list[str]:
        found = (
            os.path.relpath(os.path.join(folder, name), self._folder)  # noqa: PTH118 - a Path for each takes long
            for folder, _, names in os.walk(self._folder)
            for name in sorted(names)
            if text_kind_of(name) is not None
        )
        return sorted(islice(found, _MAX_FILES))

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for path in self._files:
            base = path.replace("\\", "/").rsplit("/", 1)[-1]
            for key in dict.fromkeys((path.replace("\\", "/"), base, stem_of(base))):
                keys[key].append(path)
        return dict(keys)

    @cached_property
    def _by_lower_key(self) -> dict[str, list[str]]:
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for key, paths in self._by_key.items():
            keys[key.lower()] += [path for path in paths if path not in keys[key.lower()]]
        return dict(keys)


class ArchivedFiles(NeighbourFiles):
    """The same for the files of an archive, in memory."""

    def __init__(self, archive: Path, members: Mapping[str, bytes]) -> None:
        super().__init__(archive)
        self._members = members

    def _stored(self, name: str) -> StoredFile | None:
        content = self._members.get(name)
        return None if content is None else StoredFile(name, content)

    @cached_property
    def _files(self) -> list[str]:
        return sorted(name for name in self._members if text_kind_of(name) is not None)


def read_single(file: StoredFile) -> Source:
    """The structure of a file that must hold just one."""
    sources = [source for _, source in islice(read_text_file(file, file.name, ReadingLog()), 2)]
    if len(sources) == 1:
        return sources[0]
    return refuse("SEVERAL_STRUCTURES", f"{file.name} holds several structures: give one")
