"""Formulas as chemists write them."""

import re
from collections import Counter
from functools import lru_cache, reduce
from math import gcd

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.elements import symbol_of

# Pauling electronegativity by atomic number from 1 (Haynes, CRC Handbook, 2016); 9.99 where none is defined.
_ELECTRONEGATIVITY = (
    2.2, 9.99, 0.98, 1.57, 2.04, 2.55, 3.04, 3.44, 3.98, 9.99, 0.93, 1.31, 1.61, 1.9, 2.19, 2.58, 3.16, 9.99,
    0.82, 1, 1.36, 1.54, 1.63, 1.66, 1.55, 1.83, 1.88, 1.91, 1.9, 1.65, 1.81, 2.01, 2.18, 2.55, 2.96, 3,
    0.82, 0.95, 1.22, 1.33, 1.6, 2.16, 1.9, 2.2, 2.28, 2.2, 1.93, 1.69, 1.78, 1.96, 2.05, 2.1, 2.66, 2.6,
    0.79, 0.89, 1.1, 1.12, 1.13, 1.14, 1.13, 1.17, 1.2, 1.2, 1.1, 1.22, 1.23, 1.24, 1.25, 1.1, 1.27, 1.3,
    1.5, 2.36, 1.9, 2.2, 2.2, 2.28, 2.54, 2, 1.62, 2.33, 2.02, 2, 2.2, 2.2, 0.7, 0.9, 1.1, 1.3,
    1.5, 1.38, 1.36, 1.28, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 9.99, 9.99, 9.99, 9.99, 9.99,
    9.99, 9.99, 9.99, 9.99, 9.99, 9.99, 9.99, 9.99, 9.99, 9.99,
)  # fmt: skip
_NUMBERS = {symbol_of(number): number for number in range(1, len(_ELECTRONEGATIVITY) + 1)}
_PART = re.compile(r"([A-Z][a-z]?)(\d*)")


def display_formula(atomic_numbers: NDArray[np.uint8]) -> str:
    """Reduced formula with elements from electropositive to electronegative: ``"SrTiO3"``, as databases show it."""
    return _formula_of(atomic_numbers.tobytes())


def display_spelling(formula: str) -> str:
    """The same formula with its elements in that order: ``"SrTiO3"`` of ``"O3SrTi"``; other text stays as it is."""
    parts = _PART.findall(formula)
    if "".join(symbol + amount for symbol, amount in parts) != formula or not all(s in _NUMBERS for s, _ in parts):
        return formula
    ordered = sorted(parts, key=lambda part: display_rank(_NUMBERS[part[0]]))
    return "".join(symbol + amount for symbol, amount in ordered)


def display_rank(atomic_number: int) -> tuple[float, str]:
    """Key that sorts elements as formulas list them."""
    return _ELECTRONEGATIVITY[atomic_number - 1], symbol_of(atomic_number)


# A screening asks for few thousands of formulas again and again.
@lru_cache(maxsize=8192)
def _formula_of(atomic_numbers: bytes) -> str:
    counts = Counter(atomic_numbers)
    divisor = reduce(gcd, counts.values())
    ordered = sorted(counts, key=display_rank)
    amounts = ((symbol_of(number), counts[number] // divisor) for number in ordered)
    return "".join(symbol if amount == 1 else f"{symbol}{amount}" for symbol, amount in amounts)
