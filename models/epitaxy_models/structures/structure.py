"""The one crystal structure type that everything else works on."""

from collections import Counter
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from math import gcd

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.elements import symbol_of


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """An ordered periodic crystal.

    Attributes:
        lattice: Row vectors in Angstrom, float64, shape ``[3, 3]``.
        atomic_numbers: uint8, shape ``[n_sites]``.
        frac_coords: Fractional coordinates in [0, 1), float64, shape ``[n_sites, 3]``.
    """

    lattice: NDArray[np.float64]
    atomic_numbers: NDArray[np.uint8]
    frac_coords: NDArray[np.float64]

    @property
    def n_sites(self) -> int:
        """Number of sites in the cell."""
        return len(self.atomic_numbers)

    @property
    def volume(self) -> float:
        """Cell volume, cubic Angstrom."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def cart_coords(self) -> NDArray[np.float64]:
        """Cartesian coordinates in Angstrom, shape ``[n_sites, 3]``."""
        return self.frac_coords @ self.lattice

    @property
    def reduced_formula(self) -> str:
        """Formula of smallest integers, elements in alphabetical order: ``"O3SrTi"``."""
        return reduced_formula(self.atomic_numbers)

    def content_digest(self) -> bytes:
        """16 bytes that name the cell as given, to the last stored digit (not invariant to cell choice)."""
        content = self.lattice.tobytes() + self.atomic_numbers.tobytes() + self.frac_coords.tobytes()
        return blake2b(content, digest_size=16).digest()


def reduced_formula(atomic_numbers: NDArray[np.uint8]) -> str:
    """Formula of smallest integers, elements in alphabetical order, as the source data sets write it."""
    counts = Counter(atomic_numbers.tolist())
    divisor = reduce(gcd, counts.values())
    parts = sorted((symbol_of(number), count // divisor) for number, count in counts.items())
    return "".join(symbol if count == 1 else f"{symbol}{count}" for symbol, count in parts)
