"""A structure as a cell of a table: a dictionary (ours, of pymatgen, of JARVIS), CIF, POSCAR or extended XYZ text."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from epitaxy_models.data.sources.jarvis_atoms import is_jarvis_atoms, read_jarvis_atoms
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.checks import check_structure
from epitaxy_models.structures.dataset_column import structure_from_column
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.text_formats import TextFormat, read_single, read_text


def reader_of(value: object) -> Callable[[], Intake]:
    """Reads the value when called. Raises InvalidStructureError then."""
    return partial(read_structure_value, value)


def read_structure_value(value: object) -> Intake:
    """The checked structure of a value. Raises InvalidStructureError."""
    if isinstance(value, Mapping):
        return _read_mapping(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidStructureError("the row has no structure", reason=RefusalReason.EMPTY_STRUCTURE)
    if value.lstrip().startswith("{"):
        return _read_json(value)
    return read_single(value, _text_format(value))


def _read_json(text: str) -> Intake:
    if len(text) > DEFAULT_LIMITS.max_text_bytes:
        return read_text(text, TextFormat.PYMATGEN_JSON)  # refuses it for its size
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidStructureError(
            f"the structure is no JSON ({str(error)[:80]}): it may be cut off", reason=RefusalReason.UNREADABLE
        ) from error
    return _read_mapping(value)


def _read_mapping(value: Mapping[str, Any]) -> Intake:
    if "sites" in value:
        return read_text(json.dumps(value, default=str), TextFormat.PYMATGEN_JSON)
    if is_jarvis_atoms(value):
        return read_jarvis_atoms(value)
    return check_structure(structure_from_column(value))


def _text_format(text: str) -> TextFormat:
    if "_cell_length_a" in text or text.lstrip().startswith("data_"):
        return TextFormat.CIF
    return TextFormat.EXTXYZ if "Lattice=" in text else TextFormat.POSCAR
