"""VASP POSCAR and CONTCAR text.

ASE's reader looks for element names in a POTCAR or OUTCAR of the working folder and pymatgen's invents them (H, He,
...) if the species line is missing; a server can do neither, so the format's few lines are read here.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_site_count, check_structure
from epitaxy_models.structures.intake import Intake, IntakeLimits, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.numbers import count, floats, fractions_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure

_SPECIES_LINE = 5
# Comment, scale, three vectors, species, counts, mode.
_LEAST_LINES = 8
_MAX_SPECIES = 118
# VASP's own limit is on the length of a line; more lines of species than this are no POSCAR.
_MAX_HEADER_LINES = 60
_COMMENT = re.compile(r"[!#]")
# A sign that follows a digit or a point starts a new number; after an exponent's letter it does not.
_GLUED = re.compile(r"(?<=[\d.])(?=[+-])")


def read_poscar(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of a POSCAR with a species line (VASP 5 or later); velocities and predictor data are ignored.

    Raises InvalidStructureError.
    """
    lines = text.splitlines()
    if len(lines) < _LEAST_LINES:
        raise _truncated(f"a POSCAR has over {_LEAST_LINES - 1} lines and this has {len(lines)}")
    species, counts, mode_line = _read_species(lines)
    check_site_count(sum(counts), limits)
    lattice, stretch, n_glued = _read_lattice(lines, limits)
    mode_line += lines[mode_line].lstrip()[:1] in {"s", "S"} if mode_line < len(lines) else 0
    is_cartesian = _is_cartesian(lines, mode_line)
    coordinates, n_glued_rows = _read_coordinates(lines, mode_line + 1, sum(counts))
    fractions = fractions_of(coordinates * stretch, lattice) if is_cartesian else coordinates
    numbers = np.repeat(np.array([one.atomic_number for one in species], dtype=np.uint8), counts)
    intake = check_structure(Structure(lattice, numbers, fractions), limits)
    return intake.after(_glue_repair(n_glued + n_glued_rows) + species_repairs(species))


def _words(line: str) -> list[str]:
    """The words of a line before its comment."""
    return _COMMENT.split(line, maxsplit=1)[0].split()


def _read_species(lines: list[str]) -> tuple[list[Species], list[int], int]:
    """Species and their numbers of atoms, both of which may run over several lines, and the index of the next line."""
    if (first := _words(lines[_SPECIES_LINE])) and first[0].isdecimal():
        raise InvalidStructureError(
            "line 6 must name the species (VASP 5): this POSCAR has counts there, as VASP 4 wrote it; add the line",
            reason=RefusalReason.UNREADABLE,
        )
    symbols, place = _take_lines(lines, _SPECIES_LINE, lambda word: not word[:1].isdigit())
    amounts, place = _take_counts(lines, place, len(symbols))
    if len(symbols) != len(amounts) or len(symbols) > _MAX_SPECIES:
        raise InvalidStructureError(
            f"{len(symbols)} species on line 6 and {len(amounts)} counts on line {place} must agree",
            reason=RefusalReason.UNREADABLE,
        )
    species = []
    for symbol in symbols:
        # VASP itself writes the potential behind the symbol: Fe_pv, Fe/2f3a.
        found = species_of(symbol.partition("/")[0].partition("_")[0])
        if found is None:
            raise unknown_element(symbol, "line 6")
        species.append(found)
    return species, [count(amount, f"line {place}, a number of atoms,") for amount in amounts], place


def _take_lines(lines: list[str], begin: int, belongs: Callable[[str], bool]) -> tuple[list[str], int]:
    """The words of the line and of those that follow it while all their words belong."""
    words = _words(lines[begin])
    place = begin + 1
    while place < min(len(lines), begin + _MAX_HEADER_LINES):
        more = _words(lines[place])
        if not more or not all(map(belongs, more)):
            break
        words += more
        place += 1
    return words, place


def _take_counts(lines: list[str], begin: int, wanted: int) -> tuple[list[str], int]:
    if begin >= len(lines):
        return [], begin
    words, place = _words(lines[begin]), begin + 1
    while len(words) < wanted and place < len(lines):
        more = _words(lines[place])
        if not more or not all(word.isdecimal() for word in more):
            break
        words += more
        place += 1
    return words, place


def _read_lattice(lines: list[str], limits: IntakeLimits) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Lattice in Angstrom, factors that stretch Cartesian x, y and z, and the number of lines with glued numbers."""
    scales = floats(_words(lines[1])[:3], "line 2, the scale,")
    split = [_numbers(lines[index]) for index in (2, 3, 4)]
    rows = [floats(words, f"line {index + 3}, a lattice vector,") for index, (words, _) in enumerate(split)]
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
    return lattice, stretch, sum(is_glued for _, is_glued in split)


def _is_cartesian(lines: list[str], mode_line: int) -> bool:
    mode = lines[mode_line].strip() if mode_line < len(lines) else ""
    if not mode[:1].isalpha():
        raise InvalidStructureError(
            f"line {mode_line + 1} is {mode[:40]!r}: it must say Direct or Cartesian", reason=RefusalReason.UNREADABLE
        )
    return mode[0] in "cCkK"


def _read_coordinates(lines: list[str], begin: int, n_sites: int) -> tuple[NDArray[np.float64], int]:
    """Coordinates as they stand, and the number of lines with glued numbers."""
    split = [_numbers(line) for line in lines[begin : begin + n_sites]]
    n_whole = next((index for index, (row, _) in enumerate(split) if len(row) < 3), len(split))
    if n_whole < n_sites:
        _refuse_short_row(lines, begin + n_whole)
        raise _truncated(f"{n_sites} atoms are announced and {n_whole} have coordinates")
    rows = [floats(row, f"line {begin + index + 1}") for index, (row, _) in enumerate(split)]
    return np.array(rows), sum(is_glued for _, is_glued in split)


def _numbers(line: str) -> tuple[list[str], bool]:
    """The first three numbers of a line as texts, and whether they had to be taken apart.

    Fortran writes numbers in fixed columns, which touch if a number has a sign: ``-0.35000000-0.11227753``.
    """
    words = line.split(maxsplit=3)[:3]
    if len(words) == 3 and not any(_GLUED.search(word) or word.count(".") > 1 for word in words):
        return words, False
    by_sign = _GLUED.sub(" ", _COMMENT.split(line, maxsplit=1)[0]).split()
    apart = [number for word in by_sign[:3] for number in _by_decimals(word)][:3]
    return (apart, True) if len(apart) == 3 else (words, False)


def _by_decimals(word: str) -> list[str]:
    """The numbers of a word with several points, all with as many decimals as the last one."""
    if word.count(".") < 2:
        return [word]
    n_decimals = len(word) - word.rindex(".") - 1
    numbers = re.findall(rf"[+-]?\d+\.\d{{{n_decimals}}}", word) if 0 < n_decimals < 20 else []
    return numbers if "".join(numbers) == word else [word]


def _refuse_short_row(lines: Sequence[str], place: int) -> None:
    """Raise InvalidStructureError (UNREADABLE) for a row that has words and is not the last one of the file."""
    if place >= len(lines) or not lines[place].split():
        return
    if any(line.strip() for line in lines[place + 1 :]):
        raise InvalidStructureError(
            f"line {place + 1} is {lines[place].strip()[:60]!r}: put blanks between its three coordinates",
            reason=RefusalReason.UNREADABLE,
        )


def _glue_repair(n_lines: int) -> tuple[Repair, ...]:
    if not n_lines:
        return ()
    text = f"numbers on {n_lines} line(s) touched and were taken apart at their signs or decimals"
    return (Repair(RepairCode.SPLIT_GLUED_NUMBERS, text),)


def _truncated(problem: str) -> InvalidStructureError:
    return InvalidStructureError(f"{problem}: send the complete file", reason=RefusalReason.TRUNCATED_FILE)
