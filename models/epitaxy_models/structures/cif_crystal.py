"""What one CIF data block says of its crystal besides sites and symmetry: cell, formula, Z, density."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import gemmi
import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import lattice_from_parameters
from epitaxy_models.structures.cif_block import CifBlock, value_of
from epitaxy_models.structures.formula import Composition, check_formula, parse_formula
from epitaxy_models.structures.intake import IntakeLimits, RefusalReason
from epitaxy_models.structures.masses import ATOMIC_MASSES
from epitaxy_models.structures.structure import Structure

_LENGTHS = [f"_cell_length_{name}" for name in "abc"]
_ANGLES = [f"_cell_angle_{name}" for name in ("alpha", "beta", "gamma")]
_CRYSTAL_SYSTEM = ("_space_group_crystal_system", "_symmetry_cell_setting")
# g/cm^3 of one atomic mass unit in a cubic Angstrom.
_DENSITY_UNIT = 1.66053907
# Solvent that was masked, hydrogens that were not placed and other temperatures explain less.
_MAX_DENSITY_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """What the atoms of the cell must add up to, as far as the file says.

    Attributes:
        formula: Amounts by atomic number, None if absent or no plain formula.
        units_in_cell: Z, None if absent or no positive integer.
        density_g_cm3: Calculated density, None if absent.
        crystal_system: In lower case, empty if absent.
    """

    formula: Composition | None = None
    units_in_cell: int | None = None
    density_g_cm3: float | None = None
    crystal_system: str = ""

    def check(self, structure: Structure) -> None:
        """Raise InvalidStructureError (FORMULA_MISMATCH) if the atoms contradict formula, Z or density."""
        check_formula(structure.atomic_numbers, self.formula, self.units_in_cell)
        if self.density_g_cm3 is None:
            return
        density = ATOMIC_MASSES[structure.atomic_numbers].sum() * _DENSITY_UNIT / structure.volume
        if not 1 / _MAX_DENSITY_RATIO < density / self.density_g_cm3 < _MAX_DENSITY_RATIO:
            raise InvalidStructureError(
                f"the file states {self.density_g_cm3:g} g/cm3 and the {structure.n_sites} atoms in the cell make "
                f"{density:.3g}: add the missing atoms or correct the symmetry",
                reason=RefusalReason.FORMULA_MISMATCH,
            )


def read_facts(block: CifBlock) -> StatedFacts:
    """Formula, Z and density as stated."""
    system = value_of(block, *_CRYSTAL_SYSTEM) or ""
    return StatedFacts(read_formula(block), _read_units_in_cell(block), _read_density(block), system.lower())


def read_formula(block: CifBlock) -> Composition | None:
    """The stated ``_chemical_formula_sum``, None if absent or no plain formula."""
    stated = value_of(block, "_chemical_formula_sum")
    return parse_formula(stated) if stated else None


def read_cell(block: CifBlock, limits: IntakeLimits) -> NDArray[np.float64]:
    """Lattice row vectors, Angstrom. Raises InvalidStructureError (UNREADABLE, DEGENERATE_CELL, NON_FINITE)."""
    texts = [value_of(block, tag) for tag in _LENGTHS]
    if None in texts:
        missing = [tag for tag, text in zip(_LENGTHS, texts, strict=True) if text is None]
        raise InvalidStructureError(
            f"the CIF has no {', '.join(missing)}: add the cell", reason=RefusalReason.UNREADABLE
        )
    lengths = [cif_number(text or "", tag) for tag, text in zip(_LENGTHS, texts, strict=True)]
    # The CIF core dictionary gives 90 degrees as the default of an angle.
    angles = [_angle(block, tag) for tag in _ANGLES]
    return lattice_from_parameters(lengths, angles, limits)


def _angle(block: CifBlock, tag: str) -> float:
    values = block.column(tag)
    return cif_number("90" if not values or values[0] in {".", ""} else values[0], tag)


def cif_number(text: str, what: str) -> float:
    """The number without its uncertainty: ``5.640(1)`` is 5.64. Raises InvalidStructureError (UNREADABLE)."""
    # gemmi reads what the grammar of CIF calls a number, to the same bits and several times faster.
    if isfinite(number := gemmi.cif.as_number(text)):
        return float(number)
    try:
        value = float(text.partition("(")[0])
    except ValueError:
        value = None
    if value is None or "_" in text:
        raise InvalidStructureError(f"{what} is {text[:40]!r}: give a number", reason=RefusalReason.UNREADABLE)
    return value


def is_unknown(values: Sequence[str]) -> bool:
    """Whether a column says nothing: absent, or nothing but ``?`` and ``.``."""
    return {"?", "."}.issuperset(values)


def _read_units_in_cell(block: CifBlock) -> int | None:
    stated = value_of(block, "_cell_formula_units_z")
    return int(stated) if stated and stated.isdecimal() and 0 < len(stated) < 6 and int(stated) else None


def _read_density(block: CifBlock) -> float | None:
    stated = value_of(block, "_exptl_crystal_density_diffrn")
    try:
        density = float(stated.partition("(")[0]) if stated else 0.0
    except ValueError:
        return None
    if not 0 < density < np.inf:
        return None
    # Nothing is denser than osmium, 22.6 g/cm3: what is, is in kg/m3.
    return density / 1000 if density > 50 else density
