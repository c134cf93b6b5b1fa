"""Structures as plain data: ``{"lattice", "species", "frac"}``, pymatgen's dict, JSON of either, or a file's text."""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.carried import text_of
from epitaxy.client.inputs.cif_text import structures_of
from epitaxy.client.inputs.elements import ATOMIC_NUMBERS, SYMBOLS
from epitaxy.client.inputs.item import Cell, Source, Text, refuse
from epitaxy.client.inputs.json_text import load_json
from epitaxy.tables.texts import decode_text, kind_of_binary, kind_of_text

_FRACTIONAL_NAMES = ("frac", "frac_coords")
_SPECIES_NAMES = ("species", "atomic_numbers", "numbers")
_HEAVY_HYDROGEN = frozenset({"D", "T"})
# Of so few numbers, bytes are looked through faster than numpy begins.
_FEW = 128
_REMEDY = 'write {"lattice": 3x3 in Angstrom, "species": [Z, ...], "frac": [[x, y, z], ...]}'


def read_record(value: object) -> Source:
    """The structure in a table's cell or a JSON document, which may itself be the text of a file."""
    if isinstance(value, str):
        return _read_json(value) if value.startswith("{") else read_structure_text(value)
    if isinstance(value, bytes):
        return _read_json(value) if value.startswith(b"{") else _read_bytes(value)
    if isinstance(value, Mapping):
        return _read_mapping(value)
    if value is None:
        return refuse("NO_STRUCTURE", "the row has no structure; fill it or drop the row")
    return refuse("UNREADABLE", f"a {type(value).__name__} is not a structure; {_REMEDY}")


def read_structure_text(text: str) -> Source:
    """One structure of JSON, CIF, POSCAR or extended XYZ text."""
    text = text.removeprefix("\ufeff")
    kind = kind_of_text(text)
    if kind is None:
        return read_record(None)
    if kind == "json":
        return _read_json(text)
    if kind == "name":
        shown = repr(text.strip()[:40])
        return refuse("UNREADABLE", f"{shown} is neither JSON, the text of a CIF, nor a structure file's name")
    if kind == "cif" and len(found := structures_of(text)) > 1:
        names = ", ".join(name for name, _ in found[:4])
        return refuse("SEVERAL_STRUCTURES", f"the text holds {len(found)} structures ({names}); give each a row")
    return Text(kind, text)


def _read_bytes(content: bytes) -> Source:
    if kind_of_binary(content) == "gzip-compressed":
        try:
            content = zlib.decompressobj(wbits=31).decompress(content, MAX_STRUCTURE_BYTES + 1)
        except zlib.error as error:
            return refuse("UNREADABLE", f"the cell's compressed content is damaged: {error}")
    text = decode_text(content)
    if text is None:
        what = kind_of_binary(content) or "binary data"
        return refuse("NOT_UTF8", f"the cell holds {what}, not the text of a structure")
    return read_structure_text(text)


def cell_from_arrays(lattice: Any, species: Any, frac: Any) -> Source:
    """A cell of array-likes; ``species`` holds atomic numbers or symbols. Values are judged by the server."""
    if isinstance(species, list | tuple) and _has_heavy_hydrogen(species):
        return _with_isotopes(lattice, species, frac)
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


def _has_heavy_hydrogen(species: Sequence[Any]) -> bool:
    if species and type(species[0]) in (int, str):
        # Several times as fast as making texts of all numbers.
        return "D" in species or "T" in species
    return not _HEAVY_HYDROGEN.isdisjoint(map(str, species))


def _with_isotopes(lattice: Any, species: Sequence[Any], frac: Any) -> Source:
    """A structure with deuterium or tritium, sent with its symbols so that the server says what it made of them."""
    plain = cell_from_arrays(lattice, ["H" if str(one) in _HEAVY_HYDROGEN else one for one in species], frac)
    if not isinstance(plain, Cell):
        return plain
    symbols = [
        one if str(one) in _HEAVY_HYDROGEN else SYMBOLS[number]
        for one, number in zip(species, plain.atomic_numbers.tolist(), strict=True)
    ]
    return text_of(plain.lattice, symbols, plain.frac_coords) or plain


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
    if values.dtype.kind in "iu" and values.ndim == 1 and _are_elements(values):
        return values.astype(np.uint8)  # what tables hold; a site at a time costs more than reading the JSON
    return np.array([_number(value) for value in species], dtype=np.uint8)


def _are_elements(numbers: NDArray[Any]) -> bool:
    if numbers.dtype == np.uint8 and 0 < len(numbers) <= _FEW:
        content = numbers.tobytes()
        return 0 not in content and max(content) <= 118
    return bool(numbers.min(initial=1) >= 1 and numbers.max(initial=1) <= 118)


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
