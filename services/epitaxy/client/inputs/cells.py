"""The structure in a cell of a table: JSON, the text or the name of a structure file, or an object."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from epitaxy.client.inputs.item import Source
from epitaxy.client.inputs.neighbours import NeighbourFiles, read_single
from epitaxy.client.inputs.objects import read_object
from epitaxy.client.inputs.records import read_record, read_structure_text
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.tables.numbers import is_missing
from epitaxy.tables.texts import decode_text, kind_of_text

_MAX_NAME_BYTES = 4096


def read_cell(cell: Any, files: NeighbourFiles | None = None) -> Source:
    """The structure in a cell, or why there is none.

    Args:
        cell: JSON of ``{"lattice", "species", "frac"}``, pymatgen's JSON, the text of a CIF, POSCAR or extended XYZ
            file, all of these as text or bytes; the name of a file, as a ``PurePath`` if any text is one; a dict; an
            object of pymatgen or ase.
        files: Files that a cell may name; None if it may name none.
    """
    if isinstance(cell, str):
        return _of_text(cell, files)
    if type(cell) is dict:
        return read_record(cell)
    if isinstance(cell, bytes) and files is not None and len(cell) < _MAX_NAME_BYTES:
        text = decode_text(cell)
        return read_record(cell) if text is None else _of_text(text, files)
    if cell is None or isinstance(cell, Mapping | bytes):
        return read_record(cell)
    if isinstance(cell, PurePath):
        return read_single(StoredFile(str(cell))) if files is None or isinstance(cell, Path) else files.read(str(cell))
    # A data frame's empty cell is NaN or NA.
    return read_record(None) if is_missing(cell) else read_object(cell, "")[1]


def _of_text(text: str, files: NeighbourFiles | None) -> Source:
    if text.startswith("{"):
        return read_record(text)
    if is_missing(text):
        return read_record(None)
    if files is not None and kind_of_text(text) == "name":
        return files.read(text)
    return read_structure_text(text)
