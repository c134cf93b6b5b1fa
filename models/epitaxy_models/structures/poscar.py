"""VASP POSCAR and CONTCAR text.

ASE's reader looks for element names in a POTCAR or OUTCAR of the working folder and pymatgen's invents them (H, He,
...) where the species line is missing; a server can do neither, so the format's few lines are read here.
"""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_site_count, check_structure
from epitaxy_models.structures.intake import Intake, IntakeLimits, RefusalReason
from epitaxy_models.structures.numbers import count, floats, fractions_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure

_SPECIES_LINE = 5
_COUNTS_LINE = 6
_MODE_LINE = 7
_MAX_SPECIES = 118


def read_poscar(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of a POSCAR with a species line (VASP 5 or later); velocities and predictor data are ignored.

    Raises InvalidStructureError.
    """
    lines = text.splitlines()
    if len(lines) <= _MODE_LINE:
        raise _truncated(f"a POSCAR has over {_MODE_LINE} lines and this has {len(lines)}")
    species, counts = _read_species(lines[_SPECIES_LINE].split(), lines[_COUNTS_LINE].split())
    check_site_count(sum(counts), limits)
    lattice, stretch = _read_lattice(lines, limits)
    mode_line = _MODE_LINE + (lines[_MODE_LINE].lstrip()[:1] in {"s", "S"})
    is_cartesian = _is_cartesian(lines, mode_line)
    coordinates = _read_coordinates(lines, mode_line + 1, sum(counts))
    fractions = fractions_of(coordinates * stretch, lattice) if is_cartesian else coordinates
    numbers = np.repeat(np.array([one.atomic_number for one in species], dtype=np.uint8), counts)
    intake = check_structure(Structure(lattice, numbers, fractions), limits)
    return Intake(intake.structure, species_repairs(species) + intake.repairs)


def _read_species(symbols: list[str], amounts: list[str]) -> tuple[list[Species], list[int]]:
    if symbols and symbols[0].isdecimal():
        raise InvalidStructureError(
            "line 6 must name the species (VASP 5): this POSCAR has counts there, add the line",
            reason=RefusalReason.UNREADABLE,
        )
    amounts = amounts[: amounts.index("!")] if "!" in amounts else amounts
    if len(symbols) != len(amounts) or len(symbols) > _MAX_SPECIES:
        raise InvalidStructureError(
            f"{len(symbols)} species on line 6 and {len(amounts)} counts on line 7 must agree",
            reason=RefusalReason.UNREADABLE,
        )
    species = []
    for symbol in symbols:
        # VASP itself writes the potential behind the symbol: Fe_pv, Fe/2f3a.
        found = species_of(symbol.partition("/")[0].partition("_")[0])
        if found is None:
            raise unknown_element(symbol, "line 6")
        species.append(found)
    return species, [count(amount, "line 7, a number of atoms,") for amount in amounts]


def _read_lattice(lines: list[str], limits: IntakeLimits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lattice in Angstrom and the factors that stretch Cartesian x, y and z."""
    scales = floats(lines[1].partition("!")[0].split()[:3], "line 2, the scale,")
    rows = [floats(lines[index].split()[:3], f"line {index + 1}, a lattice vector,") for index in (2, 3, 4)]
    if len(scales) not in {1, 3} or any(len(row) != 3 for row in rows):
        raise InvalidStructureError(
            "lines 2 to 5 must hold the scale and three lattice vectors of three numbers",
            reason=RefusalReason.UNREADABLE,
        )
    unscaled = np.array(rows)
    stretch = np.array(scales * (3 // len(scales)))
    if len(scales) == 1 and scales[0] < 0:
        check_cell(unscaled, limits)
        # A negative scale is the cell's volume in cubic Angstrom.
        stretch = np.full(3, (-scales[0] / abs(float(np.linalg.det(unscaled)))) ** (1 / 3))
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused on the next line
        lattice = unscaled * stretch
    check_cell(lattice, limits)
    return lattice, stretch


def _is_cartesian(lines: list[str], mode_line: int) -> bool:
    mode = lines[mode_line].strip() if mode_line < len(lines) else ""
    if not mode[:1].isalpha():
        raise InvalidStructureError(
            f"line {mode_line + 1} is {mode[:40]!r}: it must say Direct or Cartesian", reason=RefusalReason.UNREADABLE
        )
    return mode[0] in "cCkK"


def _read_coordinates(lines: list[str], begin: int, n_sites: int) -> NDArray[np.float64]:
    rows = [line.split(maxsplit=3)[:3] for line in lines[begin : begin + n_sites]]
    n_whole = next((index for index, row in enumerate(rows) if len(row) < 3), len(rows))
    if n_whole < n_sites:
        raise _truncated(f"{n_sites} atoms are announced and {n_whole} have coordinates")
    return np.array([floats(row, f"line {begin + index + 1}") for index, row in enumerate(rows)])


def _truncated(problem: str) -> InvalidStructureError:
    return InvalidStructureError(f"{problem}: send the complete file", reason=RefusalReason.TRUNCATED_FILE)
