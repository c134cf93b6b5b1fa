"""Texts of structures: their encoding, what they are, and what binary content is instead."""

import codecs
import re
from typing import Literal

CellKind = Literal["json", "cif", "poscar", "extxyz", "name"]

_CIF_LINE = re.compile(r"^\s*(?:data_|loop_|_cell|_symmetry|_space_group|_atom_site)", re.IGNORECASE | re.MULTILINE)
_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\xfd7zXZ\x00", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"\x1f\x9d", "compressed by compress"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
)
_MARKS = tuple(mark for mark, _ in _SIGNATURES)


def decode_text(content: bytes) -> str | None:
    """UTF-8, UTF-16 with its mark, or Latin-1, as old programs write names of authors; None if it is not text."""
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None if b"\0" in content or kind_of_binary(content) else content.decode("latin-1")


def kind_of_binary(content: bytes) -> str:
    """What bytes are by the signature at their head, with an article; empty if the signature is not known."""
    if not content.startswith(_MARKS):
        return ""
    return next(name for mark, name in _SIGNATURES if content.startswith(mark))


def kind_of_text(text: str) -> CellKind | None:
    """What a cell's text is: JSON, a structure file's text, or one line that may name a file. None for blank text."""
    stripped = text.strip()
    if not stripped:
        return None
    if stripped.startswith(("{", "[")):
        return "json"
    if "\n" not in stripped and "\r" not in stripped:
        return "name"
    if _CIF_LINE.search(stripped):
        return "cif"
    lines = text.lstrip("\n\r").splitlines()
    if _is_poscar(lines):
        return "poscar"
    return "extxyz" if lines[0].strip().isdigit() else "cif"


def _is_poscar(lines: list[str]) -> bool:
    """A comment, a scale, then three lattice vectors."""
    return len(lines) > 5 and _n_numbers(lines[1]) in (1, 3) and all(_n_numbers(line) == 3 for line in lines[2:5])


def _n_numbers(line: str) -> int:
    try:
        return len([float(word) for word in line.split()])
    except ValueError:
        return 0
