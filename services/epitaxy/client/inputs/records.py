"""Structures as plain data: ``{"lattice", "species", "frac"}``, pymatgen's dict, or either as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.inputs.elements import ATOMIC_NUMBERS
from epitaxy.client.inputs.item import Cell, Source, Text, refuse
from epitaxy.client.inputs.json_text import load_json

_FRACTIONAL_NAMES = ("frac", "frac_coords")
_SPECIES_NAMES = ("species", "atomic_numbers", "numbers")
_REMEDY = 'write {"lattice": 3x3 in Angstrom, "species": [Z, ...], "frac": [[x, y, z], ...]}'


def read_record(value: object) -> Source:
    """The structure in a table's cell or a JSON document, which may itself be JSON text."""
    if isinstance(value, str | bytes):
        return _read_json(value)
    if isinstance(value, Mapping):
        return _read_mapping(value)
    if value is None:
        return refuse("NO_STRUCTURE", "the row has no structure; fill it or drop the row")
    return refuse("UNREADABLE", f"a {type(value).__name__} is not a structure; {_REMEDY}")


def cell_from_arrays(lattice: Any, species: Any, frac: Any) -> Source:
    """A cell of array-likes; ``species`` holds atomic numbers or symbols. Values are judged by the server."""
    try:
        numbers = atomic_numbers(species)
        matrix = np.asarray(lattice, dtype=np.float64)
        coords = np.asarray(frac, dtype=np.float64).reshape(-1, 3)
    except KeyError as error:
        return refuse("UNKNOWN_ELEMENT", f"{error.args[0]!r} is not an element; use symbols or atomic numbers 1 to 118")
    except (TypeError, ValueError, OverflowError) as error:
        return refuse("UNREADABLE", f"{error}; {_REMEDY}")
    if matrix.shape != (3, 3):
        return refuse("UNREADABLE", f"the lattice has shape {list(matrix.shape)}; {_REMEDY}")
    if len(coords) != len(numbers):
        return refuse("UNREADABLE", f"{len(numbers)} species for {len(coords)} coordinates; {_REMEDY}")
    return Cell(matrix, numbers, coords)


def atomic_numbers(species: Any) -> NDArray[np.uint8]:
    """Atomic numbers, shape ``[n_sites]``. Raises KeyError for what names no element."""
    if isinstance(species, list):
        try:
            # What tables hold, without an array of Python integers.
            numbers = np.frombuffer(bytearray(species), dtype=np.uint8)
        except (TypeError, ValueError):
            pass  # symbols, or what names no element
        else:
            if numbers.min(initial=1) >= 1 and numbers.max(initial=1) <= 118:
                return numbers
    values = np.asarray(species)
    if values.dtype.kind in "iu" and values.ndim == 1 and np.all((values >= 1) & (values <= 118)):
        return values.astype(np.uint8)  # what tables hold; a site at a time costs more than reading the JSON
    return np.array([_number(value) for value in species], dtype=np.uint8)


def _number(value: Any) -> int:
    if isinstance(value, str):
        return ATOMIC_NUMBERS[value]
    if int(value) != value or not 1 <= value <= 118:
        raise KeyError(value)
    return int(value)


def _read_json(text: str | bytes) -> Source:
    try:
        value = load_json(text)
    except (ValueError, RecursionError) as error:
        return refuse("UNREADABLE", f"the structure is not valid JSON: {error}; {_REMEDY}")
    if not isinstance(value, Mapping):
        return refuse("UNREADABLE", f"JSON of a {type(value).__name__} is not a structure; {_REMEDY}")
    return _read_mapping(value)


def _read_mapping(record: Mapping[str, Any]) -> Source:
    if "sites" in record:
        return _pymatgen_text(record)
    lattice, species, frac = record.get("lattice"), _first(record, _SPECIES_NAMES), _first(record, _FRACTIONAL_NAMES)
    if lattice is None or not _is_list(species) or not _is_list(frac):
        return refuse("UNREADABLE", f"lattice, species or frac is missing; {_REMEDY}")
    return cell_from_arrays(lattice, species, frac)


def _pymatgen_text(record: Mapping[str, Any]) -> Source:
    try:
        return Text("pymatgen_json", json.dumps(record))
    except (TypeError, ValueError) as error:
        return refuse("UNREADABLE", f"not the dict of a pymatgen Structure: {error}")


def _first(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((record[name] for name in names if name in record), None)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
