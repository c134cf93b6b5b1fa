"""Does the formula that a file states agree with the sites it lists?"""

import re
from collections import Counter
from functools import reduce
from math import gcd

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.display import display_formula, display_rank
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.intake import RefusalReason
from epitaxy_models.structures.species import species_of

_TERM = re.compile(r"([A-Z][a-z]?)(\d{0,9}(?:\.\d{1,9})?)")
# "CuSO4.5H2O" is no formula sum: its full stop separates water, and as a decimal point it would make O5.5H2 of it.
_HYDRATE = re.compile(r"[0-9]\.[0-9]*\(?[HD]2O(?![a-z0-9.])")
_MAX_FORMULA_LENGTH = 400
# Formulas are written to three digits ("Fe0.333"); one atom among 1000 must still be seen.
_FRACTION_TOLERANCE = 4e-4

# Peroxides (H, Li, Na, K, Rb, Cs) and gases of two atoms (H, N, O, F, Cl): Z counts H2O2, not HO. As pymatgen has them.
_DOUBLED = {frozenset({z, 8}) for z in (1, 3, 11, 19, 37, 55)} | {frozenset({z}) for z in (1, 7, 8, 9, 17)}

Composition = dict[int, float]


def parse_formula(text: str) -> Composition | None:
    """Amounts by atomic number of ``"Ca1 Ti1 O3"``; None where the text is no plain formula."""
    compact = "".join(text.split())
    if not compact or len(compact) > _MAX_FORMULA_LENGTH or ("." in text and _HYDRATE.search(text)):
        return None
    amounts: Composition = {}
    length = 0
    for symbol, amount in _TERM.findall(compact):
        species = species_of(symbol)
        if species is None:
            return None
        amounts[species.atomic_number] = amounts.get(species.atomic_number, 0.0) + float(amount or 1)
        length += len(symbol) + len(amount)
    return amounts if length == len(compact) and all(amounts.values()) else None


def check_formula(atomic_numbers: NDArray[np.uint8], stated: Composition | None, units_in_cell: int | None) -> None:
    """Raise InvalidStructureError (FORMULA_MISMATCH) where the sites contradict the stated formula or Z."""
    if not stated and not units_in_cell:
        return
    counts = Counter(atomic_numbers.tolist())
    if stated and not _same_ratios(counts, stated):
        raise InvalidStructureError(
            f"the formula says {_written(stated)} and the sites add up to {display_formula(atomic_numbers)}: add the "
            "missing atoms or symmetry, or correct the formula",
            reason=RefusalReason.FORMULA_MISMATCH,
        )
    if units_in_cell and not _z_fits(counts, stated, units_in_cell):
        raise InvalidStructureError(
            f"Z = {units_in_cell} formula units contradicts the {len(atomic_numbers)} atoms in the cell "
            f"({display_formula(atomic_numbers)}): correct _cell_formula_units_Z or the symmetry",
            reason=RefusalReason.FORMULA_MISMATCH,
        )


def _same_ratios(counts: Counter[int], stated: Composition) -> bool:
    n_sites, total = counts.total(), sum(stated.values())
    tolerance = min(_FRACTION_TOLERANCE, 0.4 / n_sites)
    return all(
        abs(counts[number] / n_sites - stated.get(number, 0.0) / total) <= tolerance
        for number in counts.keys() | stated.keys()
    )


def _z_fits(counts: Counter[int], stated: Composition | None, units: int) -> bool:
    """Z counts the stated formula or the reduced one: pymatgen writes the whole cell as formula and Z beside it."""
    n_reduced = gcd(*counts.values())
    if stated is None:
        return n_reduced % units == 0
    per_unit = sum(stated.values())
    is_reduced = units == n_reduced or (2 * units == n_reduced and _is_doubled(counts))
    return is_reduced or abs(units * per_unit - counts.total()) <= 0.01 * per_unit


def _is_doubled(counts: Counter[int]) -> bool:
    """Whether the formula is written twice as large as the smallest one, as H2O2, Na2O2 and N2 are."""
    return frozenset(counts) in _DOUBLED and len(set(counts.values())) == 1


def _written(amounts: Composition) -> str:
    """As `display_formula` writes the sites, where the amounts are whole."""
    is_whole = all(amount.is_integer() for amount in amounts.values())
    divisor = reduce(gcd, map(int, amounts.values())) if is_whole else 1
    parts = ((symbol_of(number), amounts[number] / divisor) for number in sorted(amounts, key=display_rank))
    return "".join(symbol if amount == 1 else f"{symbol}{amount:g}" for symbol, amount in parts)
