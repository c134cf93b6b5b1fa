"""Which files hold structures, and the reader of each kind."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from epitaxy.client.inputs.archives import count_members, is_archive, read_members, stem_of_archive
from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.packed import UNPACKING_ERRORS, open_unpacked, unpacked, unpacked_name
from epitaxy.client.inputs.tables import count_jsonl, count_parquet, read_jsonl, read_parquet
from epitaxy.client.inputs.texts import count_xyz, read_cif, read_json, read_poscar, read_xyz

Reader = Callable[[BinaryIO, str], Iterator[tuple[str, Source]]]
# Reads a table with columns of known values.
ColumnReader = Callable[[BinaryIO, str, Sequence[str]], Iterator[tuple[str, Source]]]
Counter = Callable[[BinaryIO], int]

_POSCAR_NAMES = ("POSCAR", "CONTCAR")
# Names by which VASP and others start files that are no structures.
_PARQUET = ".parquet"
KNOWN_ENDINGS = (
    ".cif, .mcif, .vasp, .poscar, .contcar, POSCAR*, CONTCAR*, .xyz, .extxyz, .json, .jsonl, .parquet, each but the "
    "last also with .gz, .bz2 or .xz, and archives (.zip, .tar, .tar.gz)"
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """How to read an open file, and how to count its structures without reading them (one, if there is no way)."""

    read: Reader
    count: Counter | None = None
    read_columns: ColumnReader | None = None


_CIF, _POSCAR = FileKind(read_cif), FileKind(read_poscar)
_XYZ, _JSONL = FileKind(read_xyz, count_xyz), FileKind(read_jsonl, count_jsonl, read_jsonl)
_BY_SUFFIX = {
    ".cif": _CIF,
    ".mcif": _CIF,
    ".vasp": _POSCAR,
    ".poscar": _POSCAR,
    ".contcar": _POSCAR,
    ".xyz": _XYZ,
    ".extxyz": _XYZ,
    ".json": FileKind(read_json),
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
}


def kind_of(name: str) -> FileKind | None:
    """The kind of a text file by its name, packed or not; None for one that holds no structures by itself."""
    plain = unpacked_name(name)
    known = _BY_SUFFIX.get(os.path.splitext(plain)[1].lower())  # noqa: PTH122 - see stem_of
    if known is None and plain.upper().startswith(_POSCAR_NAMES):
        return _POSCAR
    return known


def holds_structures(name: str) -> bool:
    """Whether files of that name are read: texts, tables and archives."""
    return kind_of(name) is not None or name.lower().endswith(_PARQUET) or is_archive(name)


def why_ignored(name: str) -> str:
    """Why a file of a folder is not read, in a few words."""
    ending = os.path.splitext(unpacked_name(name))[1].lower()  # noqa: PTH122 - see stem_of
    return f"ending {ending}" if ending else "no ending"


def stem_of(path: str | os.PathLike[str]) -> str:
    """The file's name without the ending that says its kind: ``POSCAR.NaCl`` keeps its own."""
    # A Path would be taken apart anew for each of a million files.
    name = os.path.basename(path)  # noqa: PTH119
    if is_archive(name):
        return stem_of_archive(name)
    plain = unpacked_name(name)
    stem, ending = os.path.splitext(plain)  # noqa: PTH122
    return stem if ending.lower() in _BY_SUFFIX or ending.lower() == _PARQUET else plain


def read_file(path: Path, file_id: str, known_columns: Sequence[str] = ()) -> Iterator[tuple[str, Source]]:
    """The structures of one file, those of tables with the known values in these columns.

    What cannot be read becomes a refusal, never an exception.
    """
    try:
        if is_archive(path.name):
            yield from _read_archive(path, file_id, known_columns)
        elif path.suffix.lower() == _PARQUET:
            yield from read_parquet(path, file_id, known_columns)
        elif (kind := kind_of(path.name)) is not None:
            with open_unpacked(path) as file:
                yield from _read_open(kind, file, file_id, known_columns)
        else:
            yield file_id, refuse("UNKNOWN_FORMAT", f"{path.name} has no known ending; known are {KNOWN_ENDINGS}")
    except (OSError, ValueError, *UNPACKING_ERRORS) as error:  # pyarrow's errors are OSError and ValueError
        yield file_id, refuse("UNREADABLE_FILE", f"cannot read {path.name}: {_why(error)}")


def count_file(path: Path) -> int:
    """Structures that ``read_file`` will yield, as far as can be said cheaply."""
    try:
        if is_archive(path.name):
            return count_members(path)
        if path.suffix.lower() == _PARQUET:
            return count_parquet(path)
        kind = kind_of(path.name)
        if kind is None or kind.count is None:
            return 1
        with open_unpacked(path) as file:
            return kind.count(file)
    except (OSError, ValueError, *UNPACKING_ERRORS):
        return 1


def _read_open(
    kind: FileKind, file: BinaryIO, file_id: str, known_columns: Sequence[str]
) -> Iterator[tuple[str, Source]]:
    if kind.read_columns is not None and known_columns:
        yield from kind.read_columns(file, file_id, known_columns)
    else:
        yield from kind.read(file, file_id)


def _read_archive(path: Path, file_id: str, known_columns: Sequence[str]) -> Iterator[tuple[str, Source]]:
    """The structures of an archive's files, with the archive's id and the path in it; one refusal if it has none."""
    n_read = 0
    for name, content in read_members(path):
        kind = kind_of(name)
        if kind is None:
            continue
        n_read += 1
        parent = PurePosixPath(name).parent.as_posix()
        inner = stem_of(name) if parent == "." else f"{parent}/{stem_of(name)}"
        member_id = f"{file_id}/{inner}"
        try:
            with unpacked(io.BytesIO(content)) as file:
                yield from _read_open(kind, file, member_id, known_columns)
        except (OSError, ValueError, *UNPACKING_ERRORS) as error:
            yield member_id, refuse("UNREADABLE_FILE", f"cannot read {name} of {path.name}: {_why(error)}")
    if not n_read:
        yield file_id, refuse("EMPTY_STRUCTURE", f"{path.name} holds no file of a kind that is read: {KNOWN_ENDINGS}")


def _why(error: Exception) -> str:
    return str((isinstance(error, OSError) and error.strerror) or error)
