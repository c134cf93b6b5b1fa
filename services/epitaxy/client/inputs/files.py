"""Which files hold structures, and the reader of each kind."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.tables import count_jsonl, count_parquet, read_jsonl, read_parquet
from epitaxy.client.inputs.texts import count_xyz, read_json, read_text, read_xyz

Reader = Callable[[Path, str], Iterator[tuple[str, Source]]]
# Reads a table with columns of known values.
ColumnReader = Callable[[Path, str, Sequence[str]], Iterator[tuple[str, Source]]]
Counter = Callable[[Path], int]

_POSCAR_NAMES = ("POSCAR", "CONTCAR")
KNOWN_ENDINGS = ".cif, .vasp, .poscar, .contcar, POSCAR*, CONTCAR*, .xyz, .extxyz, .json, .jsonl, .parquet"


@dataclass(frozen=True, slots=True)
class FileKind:
    """How to read a file, and how to count its structures without reading them (one, if there is no way)."""

    read: Reader
    count: Counter = lambda _: 1
    read_columns: ColumnReader | None = None


_POSCAR = FileKind(partial(read_text, kind="poscar"))
_XYZ = FileKind(read_xyz, count_xyz)
_JSONL = FileKind(read_jsonl, count_jsonl, read_jsonl)
_BY_SUFFIX = {
    ".cif": FileKind(partial(read_text, kind="cif")),
    ".vasp": _POSCAR,
    ".poscar": _POSCAR,
    ".contcar": _POSCAR,
    ".xyz": _XYZ,
    ".extxyz": _XYZ,
    ".json": FileKind(read_json),
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".parquet": FileKind(read_parquet, count_parquet, read_parquet),
}


def kind_of(path: Path) -> FileKind | None:
    """The kind of a file by its name, None for one that holds no structures."""
    known = _BY_SUFFIX.get(path.suffix.lower())
    if known is None and path.name.upper().startswith(_POSCAR_NAMES):
        return _POSCAR
    return known


def stem_of(path: str | os.PathLike[str]) -> str:
    """The file's name without the ending that says its kind: ``POSCAR.NaCl`` keeps its own."""
    # A Path would be taken apart anew for each of a million files.
    name = os.path.basename(path)  # noqa: PTH119
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    return stem if ending.lower() in _BY_SUFFIX else name


def read_file(path: Path, file_id: str, known_columns: Sequence[str] = ()) -> Iterator[tuple[str, Source]]:
    """The structures of one file, those of tables with the known values in these columns.

    What cannot be read becomes a refusal, never an exception.
    """
    kind = kind_of(path)
    if kind is None:
        yield file_id, refuse("UNKNOWN_FORMAT", f"{path.name} has no known ending; known are {KNOWN_ENDINGS}")
        return
    try:
        if kind.read_columns is not None and known_columns:
            yield from kind.read_columns(path, file_id, known_columns)
        else:
            yield from kind.read(path, file_id)
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        yield file_id, refuse("UNREADABLE_FILE", f"cannot read {path.name}: {_why(error)}")


def count_file(path: Path) -> int:
    """Structures that ``read_file`` will yield, as far as can be said cheaply."""
    kind = kind_of(path)
    try:
        return kind.count(path) if kind is not None else 1
    except (OSError, ValueError):
        return 1


def _why(error: OSError | ValueError) -> str:
    return str((isinstance(error, OSError) and error.strerror) or error)
