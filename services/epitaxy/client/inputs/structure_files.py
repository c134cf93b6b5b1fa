"""Kinds of files that hold structures as text, known by their names."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from epitaxy.client.inputs.archives import is_archive, stem_of_archive
from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.materials import count_lines, read_formula_list, read_sdf, read_smiles_list
from epitaxy.client.inputs.packed import unpacked_name
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.texts import count_xyz, read_cif, read_json, read_poscar, read_xyz

TABLE_ENDINGS = (".parquet", ".csv", ".jsonl", ".ndjson")
KNOWN_ENDINGS = (
    ".cif, .mcif, .vasp, .poscar, .contcar, POSCAR*, CONTCAR*, .xyz, .extxyz, .json, .jsonl, .csv, .parquet, "
    ".smi, .sdf, .mol, .formulas, "
    "each but the last also with .gz, .bz2 or .xz, and archives (.zip, .tar, .tar.gz)"
)
_POSCAR_NAMES = ("POSCAR", "CONTCAR")


@dataclass(frozen=True, slots=True)
class TextFileKind:
    """How to read a file, and how to count its structures without sending them (one, if there is no cheap way)."""

    read: Callable[[StoredFile, str, ReadingLog], Iterator[tuple[str, Source]]]
    count: Callable[[StoredFile], int] = lambda _: 1


_CIF, _POSCAR, _XYZ = TextFileKind(read_cif), TextFileKind(read_poscar), TextFileKind(read_xyz, count_xyz)
_BY_SUFFIX = {
    ".cif": _CIF,
    ".mcif": _CIF,
    ".vasp": _POSCAR,
    ".poscar": _POSCAR,
    ".contcar": _POSCAR,
    ".xyz": _XYZ,
    ".extxyz": _XYZ,
    ".json": TextFileKind(read_json),
    ".smi": TextFileKind(read_smiles_list, count_lines),
    ".smiles": TextFileKind(read_smiles_list, count_lines),
    ".sdf": TextFileKind(read_sdf),
    ".sd": TextFileKind(read_sdf),
    ".mol": TextFileKind(read_sdf),
    ".formulas": TextFileKind(read_formula_list, count_lines),
}
_STEM_ENDINGS = frozenset((*_BY_SUFFIX, *TABLE_ENDINGS))


def text_kind_of(name: str) -> TextFileKind | None:
    """The kind of a file by its name, None for one that holds no structures as text."""
    plain = unpacked_name(name)
    dot = plain.rfind(".")
    known = _BY_SUFFIX.get(plain[dot:].lower()) if dot > 0 else None
    if known is None and plain.rpartition("/")[2].upper().startswith(_POSCAR_NAMES):
        return _POSCAR
    return known


def stem_of(path: str | os.PathLike[str]) -> str:
    """The file's name without the endings that say its kind: ``POSCAR.NaCl`` keeps its own."""
    # A Path would be taken apart anew for each of a million files.
    name = os.path.basename(path)  # noqa: PTH119
    if is_archive(name):
        return stem_of_archive(name)
    name = unpacked_name(name)
    dot = name.rfind(".")
    return name[:dot] if dot > 0 and name[dot:].lower() in _STEM_ENDINGS else name


def read_text_file(file: StoredFile, file_id: str, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of one file. What cannot be read becomes a refusal, never an exception."""
    kind = text_kind_of(file.name)
    if kind is None:
        yield file_id, refuse("UNKNOWN_FORMAT", f"{file.name} has no known ending; known are {KNOWN_ENDINGS}")
        return
    try:
        yield from kind.read(file, file_id, log)
    except (OSError, EOFError, ValueError) as error:
        yield file_id, refuse_file(file, error)


def refuse_file(file: StoredFile, error: Exception) -> Source:
    """The refusal of a file that cannot be read."""
    why = str((isinstance(error, OSError) and error.strerror) or error)
    return refuse("UNREADABLE_FILE", f"cannot read {file.name}: {why}")
