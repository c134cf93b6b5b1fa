"""Oxidation states: which ion stands on each site of a crystal.

The formula decides where one oxidation state an element balances the charges, by how often states occur (pymatgen's
counts from the ICSD). Where none does, bond valences tell sites of one element apart, as in Fe3O4.
"""

import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Species
from pymatgen.core import Structure as PymatgenStructure
from pymatgen.core.bond_valence import BVAnalyzer

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure, reduced_formula

NO_OXIDATION_STATES = "NO_OXIDATION_STATES"
# Beyond these the search for oxidation states takes seconds a crystal.
_MAX_FORMULA_ATOMS, _MAX_BOND_VALENCE_SITES, _MAX_PERMUTATIONS = 40, 120, 10_000
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True, order=True)
class Ion:
    """An element in an oxidation state."""

    symbol: str
    charge: int

    @property
    def name(self) -> str:
        """``"Na+"``, ``"O2-"``."""
        return str(self.species)

    @property
    def species(self) -> Species:
        """The same as pymatgen's type."""
        return Species(self.symbol, self.charge)


@dataclass(frozen=True, eq=False)
class IonicCrystal:
    """A crystal whose ions are known.

    Attributes:
        structure: The crystal.
        ions: Its different ions, in the order of their names.
        ion_of_site: Place of each site's ion in ``ions``, ``[n_sites]``.
    """

    structure: Structure
    ions: tuple[Ion, ...]
    ion_of_site: NDArray[np.int64]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Sites of each ion, ``[n_ions]``."""
        return np.bincount(self.ion_of_site, minlength=len(self.ions))


def ionic_crystal(structure: Structure) -> IonicCrystal:
    """The ions of a crystal. Raises InvalidStructureError (NO_OXIDATION_STATES)."""
    states = _states_of_formula(structure.reduced_formula)
    if states:
        charges = [states[symbol_of(number)] for number in structure.atomic_numbers.tolist()]
    else:
        charges = _bond_valences(structure)
    site_ions = [
        Ion(symbol_of(number), charge)
        for number, charge in zip(structure.atomic_numbers.tolist(), charges, strict=True)
    ]
    ions = sorted(set(site_ions))
    places = {ion: place for place, ion in enumerate(ions)}
    return IonicCrystal(structure, tuple(ions), np.array([places[ion] for ion in site_ions], dtype=np.int64))


@lru_cache(maxsize=65_536)
def _states_of_formula(formula: str) -> dict[str, int]:
    """The likeliest whole oxidation states by element that balance; empty if there are none."""
    composition = Composition(formula)
    if composition.num_atoms > _MAX_FORMULA_ATOMS:
        return {}
    for guess in composition.oxi_state_guesses():
        if all(abs(state - round(state)) < _WHOLE and round(state) != 0 for state in guess.values()):
            return {symbol: round(state) for symbol, state in guess.items()}
    return {}


def _bond_valences(structure: Structure) -> list[int]:
    if structure.n_sites > _MAX_BOND_VALENCE_SITES:
        raise _no_states(structure, f"and bond valences of {structure.n_sites} sites would take too long")
    symbols = [symbol_of(number) for number in structure.atomic_numbers.tolist()]
    crystal = PymatgenStructure(structure.lattice, symbols, structure.frac_coords)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of elements without an electronegativity
            valences = BVAnalyzer(max_permutations=_MAX_PERMUTATIONS).get_valences(crystal)
    except ValueError as error:
        raise _no_states(structure, "and its bond lengths fit none either") from error
    if sum(valences) != 0 or 0 in valences:
        raise _no_states(structure, f"and those by bond lengths do not balance ({_shown(symbols, valences)})")
    return [int(valence) for valence in valences]


def _no_states(structure: Structure, why: str) -> InvalidStructureError:
    formula = reduced_formula(structure.atomic_numbers)
    return InvalidStructureError(
        f"no oxidation states balance the formula {formula}, {why}: ionic substitution is for ionic crystals",
        reason=NO_OXIDATION_STATES,
    )


def _shown(symbols: list[str], valences: list[int]) -> str:
    counts = Counter(zip(symbols, valences, strict=True))
    return ", ".join(f"{count} {symbol}{valence:+d}" for (symbol, valence), count in sorted(counts.items()))
