"""Composition and volume of a CIF text, by its header alone: no symmetry, no sites, no checks.

A sketch only orders candidates. Whatever a search evaluates is read and checked in full, so a header that contradicts
its sites costs rank, never a wrong answer.
"""

import math
from dataclasses import dataclass

import gemmi

from epitaxy_models.structures import TextFormat, read_text
from epitaxy_models.structures.elements import atomic_number_of


@dataclass(frozen=True, slots=True)
class Sketch:
    """One candidate.

    Attributes:
        amounts: Atoms of each element, by atomic number; empty: not known, so that the candidate is evaluated.
        volume: Volume of the cell in cubic Angstrom; NaN if not known.
        n_sites: Sites of the cell; NaN if not known.
    """

    amounts: dict[int, float]
    volume: float = math.nan
    n_sites: float = math.nan


UNKNOWN = Sketch({})
_SYMBOLS = ("_symmetry_space_group_name_H-M", "_space_group_name_H-M_alt")
_OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")


def sketch_text(text: str, text_format: TextFormat) -> Sketch:
    """A sketch of one text; never raises. Texts of other formats, and CIFs without a formula, are read in full."""
    try:
        found = _sketch_cif(text) if text_format is TextFormat.CIF else None
        return found or _read_whole(text, text_format)
    except Exception:
        # Whatever is wrong is told when the candidate is evaluated, in the words of full intake.
        return UNKNOWN


def _sketch_cif(text: str) -> Sketch | None:
    for block in gemmi.cif.read_string(text):
        formula = block.find_value("_chemical_formula_sum")
        if formula and block.find_value("_cell_length_a"):
            amounts = _amounts(gemmi.cif.as_string(formula))
            return _with_cell(block, amounts) if amounts else None
    return None


def _with_cell(block: gemmi.cif.Block, amounts: dict[int, float]) -> Sketch:
    lengths = [_number(block, f"_cell_length_{axis}") for axis in "abc"]
    angles = [_number(block, f"_cell_angle_{name}") for name in ("alpha", "beta", "gamma")]
    cell = gemmi.UnitCell(*lengths, *(90.0 if math.isnan(angle) else angle for angle in angles))
    return Sketch(amounts, cell.volume if cell.volume > 0 else math.nan, _n_sites(block, amounts))


def _n_sites(block: gemmi.cif.Block, amounts: dict[int, float]) -> float:
    """Sites of the whole cell; NaN if the header does not tell.

    By the standard, the formula is that of one unit, of which the cell holds Z. pymatgen writes the formula of the
    whole cell and Z beside it; ASE does so too, without Z.
    """
    total = sum(amounts.values())
    units = _number(block, "_cell_formula_units_Z")
    if math.isnan(units):
        has_all = len(block.find_values("_atom_site_fract_x")) == total and not _has_symmetry(block)
        return total if has_all else math.nan
    common = math.gcd(*(int(amount) for amount in amounts.values())) if float(total).is_integer() else 1
    return total if units > 1 and common % units == 0 else units * total


def _has_symmetry(block: gemmi.cif.Block) -> bool:
    symbols = {gemmi.cif.as_string(block.find_value(tag) or "P1").replace(" ", "") for tag in _SYMBOLS}
    return symbols != {"P1"} or any(len(block.find_values(tag)) > 1 for tag in _OPERATIONS)


def _number(block: gemmi.cif.Block, tag: str) -> float:
    return float(gemmi.cif.as_number(block.find_value(tag) or "?"))


def _amounts(formula: str) -> dict[int, float]:
    """Amounts of "Na4 Cl4"; empty if any part is something else."""
    amounts: dict[int, float] = {}
    for part in formula.split():
        symbol = part.rstrip("0123456789.")
        number = atomic_number_of(symbol)
        if number is None:
            return {}
        amounts[number] = amounts.get(number, 0.0) + float(part[len(symbol) :] or 1)
    return amounts


def _read_whole(text: str, text_format: TextFormat) -> Sketch:
    structure = read_text(text, text_format).structure
    numbers = structure.atomic_numbers.tolist()
    amounts = {number: float(numbers.count(number)) for number in set(numbers)}
    return Sketch(amounts, structure.volume, float(structure.n_sites))
