"""Extended XYZ text, one frame.

ASE reads this format more widely, and is a second dependency of a server for thirty lines; it is the oracle in tests.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.carried import carried_notes, check_ase_occupancy, check_occupancies, check_periodic
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_site_count, check_structure
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.intake import Intake, IntakeLimits, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.numbers import count, floats, fractions_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure

_ENTRY = re.compile(r"""(?<!\S)([A-Za-z][\w-]{0,63})\s?=\s?("(?:[^"\\]|\\.)*"|'[^']*'|\{[^}]*\}|\[[^\]]*\]|\S+)""")
_MAX_COMMENT_LENGTH = 32_768
_DEFAULT_PROPERTIES = "species:S:1:pos:R:3"
_SPECIES_COLUMNS = ("species", "element", "symbols")
_NUMBER_COLUMNS = ("z", "numbers", "atomic_numbers")
_TRUE = frozenset({"t", "true", "1"})
_OCCUPANCY_COLUMNS = ("occupancy", "occupancies", "occu")
_NET_CHARGES = ("charge", "total_charge", "net_charge")
_CHARGE_COLUMNS = ("initial_charges", "charges", "charge")
_MOMENT_COLUMNS = ("initial_magmoms", "magmoms", "magmom", "spins", "spin")


def read_extxyz(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of the first frame. Raises InvalidStructureError."""
    lines = text.splitlines()
    n_sites = count(lines[0].strip() if lines else "", "line 1, the number of atoms,")
    check_site_count(n_sites, limits)
    if len(lines) < n_sites + 2:
        raise _truncated(n_sites, max(0, len(lines) - 2))
    entries = _read_comment(lines[1])
    lattice = _read_lattice(entries, limits)
    columns = _read_columns(entries.get("properties", _DEFAULT_PROPERTIES))
    rows = [line.split() for line in lines[2 : 2 + n_sites]]
    n_whole = next((index for index, row in enumerate(rows) if len(row) < columns.width), n_sites)
    if n_whole < n_sites:
        raise _truncated(n_sites, n_whole)
    species = [columns.species(row, index) for index, row in enumerate(rows)]
    cartesian = np.array([floats(columns.position(row), f"line {index + 3}") for index, row in enumerate(rows)])
    numbers = np.array([one.atomic_number for one in species], dtype=np.uint8)
    check_occupancies(_plain_number(text) for text in columns.values(rows, _OCCUPANCY_COLUMNS))
    check_ase_occupancy(entries.get("occupancy"), columns.values(rows, ("spacegroup_kinds",)) or None)
    notes = carried_notes(
        [_plain_number(entries.get(name, "0")) for name in _NET_CHARGES],
        [_plain_number(text) for text in columns.values(rows, _CHARGE_COLUMNS)],
        [_plain_number(text) for text in columns.values(rows, _MOMENT_COLUMNS)],
    )
    intake = check_structure(Structure(lattice, numbers, fractions_of(cartesian, lattice)), limits)
    return intake.after(_frame_repairs(lines[2 + n_sites :]) + species_repairs(species), notes)


class _Columns:
    """Where a row of atoms holds its species and position."""

    def __init__(self, spans: dict[str, slice], width: int) -> None:
        self.width = width
        self._spans = spans
        self._position = spans["pos"]
        self._symbol = next((spans[name] for name in _SPECIES_COLUMNS if name in spans), None)
        self._number = next((spans[name] for name in _NUMBER_COLUMNS if name in spans), None)

    @property
    def name_species(self) -> bool:
        """Whether there is a column of symbols or atomic numbers."""
        return self._symbol is not None or self._number is not None

    def position(self, row: list[str]) -> list[str]:
        """Cartesian coordinates of a row, as text."""
        return row[self._position]

    def values(self, rows: list[list[str]], names: Sequence[str]) -> list[str]:
        """All values of the first of these columns that there is, empty if there is none."""
        span = next((self._spans[name] for name in names if name in self._spans), None)
        return [] if span is None else [text for row in rows for text in row[span]]

    def species(self, row: list[str], index: int) -> Species:
        """The species of a row. Raises InvalidStructureError (UNKNOWN_ELEMENT)."""
        text = row[self._symbol or self._number or slice(0, 1)][0]
        if self._symbol is None and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= len(SYMBOLS):
            return Species(int(text))
        found = species_of(text) if self._symbol is not None else None
        if found is None:
            raise unknown_element(text, f"line {index + 3}")
        return found


def _read_comment(line: str) -> dict[str, str]:
    if len(line) > _MAX_COMMENT_LENGTH:
        raise InvalidStructureError(
            f"line 2 has {len(line)} characters, over {_MAX_COMMENT_LENGTH}: keep Lattice and Properties alone",
            reason=RefusalReason.TOO_LARGE,
        )
    return {match[1].lower(): _bare(match[2]) for match in _ENTRY.finditer(line)}


def _bare(value: str) -> str:
    """A value without its quotes or brackets; ASE's JSON keeps its own."""
    return value.strip('"') if value.startswith('"_JSON') else value.strip("\"'{}[]")


def _read_lattice(entries: dict[str, str], limits: IntakeLimits) -> NDArray[np.float64]:
    texts = entries.get("lattice", "").replace(",", " ").split()
    if len(texts) != 9:
        raise InvalidStructureError(
            f'line 2 must hold Lattice="..." with nine numbers and holds {len(texts)}', reason=RefusalReason.UNREADABLE
        )
    periodic = entries.get("pbc", "T T T").replace(",", " ").lower().split()
    check_periodic(flag in _TRUE for flag in periodic)
    lattice = np.array(floats(texts, "Lattice")).reshape(3, 3)
    check_cell(lattice, limits)
    return lattice


def _read_columns(properties: str) -> _Columns:
    parts = properties.lower().split(":")
    if len(parts) % 3 == 0 and all(width.isdecimal() and 0 < len(width) < 4 for width in parts[2::3]):
        spans, end = {}, 0
        for name, width in zip(parts[::3], map(int, parts[2::3]), strict=True):
            spans[name] = slice(end, end + width)
            end += width
        if (
            "pos" in spans
            and spans["pos"].stop - spans["pos"].start == 3
            and (columns := _Columns(spans, end)).name_species
        ):
            return columns
    raise InvalidStructureError(
        f"Properties={properties[:60]!r} must name species:S:1 and pos:R:3", reason=RefusalReason.UNREADABLE
    )


def _plain_number(text: str) -> float | str:
    """The number of a text, or the text itself: what cannot be read is for the check to name."""
    try:
        return float(text)
    except ValueError:
        return text


def _frame_repairs(rest: list[str]) -> tuple[Repair, ...]:
    if not any(line.strip() for line in rest):
        return ()
    return (Repair(RepairCode.IGNORED_DATA_BLOCKS, f"{len(rest)} line(s) after the first frame ignored"),)


def _truncated(n_sites: int, n_read: int) -> InvalidStructureError:
    return InvalidStructureError(
        f"{n_sites} atoms are announced and {n_read} have whole lines: send the complete file",
        reason=RefusalReason.TRUNCATED_FILE,
    )
