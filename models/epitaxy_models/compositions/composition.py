"""What a material is of which only the composition is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions.canonical_amounts import RESOLUTION, canonical_amounts
from epitaxy_models.structures.display import display_rank
from epitaxy_models.structures.elements import SYMBOLS, symbol_of


@dataclass(frozen=True)
class Composition:
    """Elements and their shares of the atoms; equal compositions are equal objects.

    Attributes:
        atomic_numbers: In ascending order.
        amounts: Canonical whole numbers: the smallest ones where the atoms are in a simple ratio, or else parts of a
            million, as ``canonical_amounts`` says.
    """

    atomic_numbers: tuple[int, ...]
    amounts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.atomic_numbers) != len(self.amounts) or not self.amounts or min(self.amounts) < 1:
            raise ValueError(
                f"{len(self.atomic_numbers)} elements and amounts {self.amounts}: give one positive amount each"
            )
        is_sorted = all(low < high for low, high in zip(self.atomic_numbers, self.atomic_numbers[1:], strict=False))
        if not is_sorted or self.atomic_numbers[0] < 1 or self.atomic_numbers[-1] > len(SYMBOLS):
            raise ValueError(f"atomic numbers {self.atomic_numbers} must ascend from 1 to {len(SYMBOLS)}")

    @staticmethod
    def of(amounts: Mapping[int, float]) -> "Composition":
        """The composition of atoms in any scale, by atomic number, without traces. Raises ValueError."""
        present = sorted((number, amount) for number, amount in amounts.items() if amount)
        if not present or not all(0 < amount < np.inf for _, amount in present):
            raise ValueError(f"amounts {dict(present)} must be finite and not negative, and one must be positive")
        canonical = canonical_amounts([amount for _, amount in present])
        if 0 in canonical:
            kept = zip(present, canonical, strict=True)
            return Composition.of({number: amount for (number, amount), share in kept if share})
        return Composition(tuple(number for number, _ in present), canonical)

    @property
    def n_elements(self) -> int:
        """Number of distinct elements."""
        return len(self.atomic_numbers)

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Shares of the atoms, in the order of ``atomic_numbers``, float64 ``[n_elements]``; they add up to 1."""
        amounts = np.array(self.amounts, dtype=np.float64)
        fractions = np.asarray(amounts / amounts.sum(), dtype=np.float64)
        fractions.setflags(write=False)
        return fractions

    @cached_property
    def key(self) -> str:
        """What identifies the composition, a formula itself: ``"AlCo4Fe4Ni4"``, elements in alphabetical order.

        It equals ``Structure.reduced_formula`` of a crystal with at most 100 atoms in its formula. Compositions that
        are no simple ratio have parts of a million: ``"C43160Fe956840"``.
        """
        parts = sorted((symbol_of(number), amount) for number, amount in self._pairs)
        return "".join(symbol if amount == 1 else f"{symbol}{amount}" for symbol, amount in parts)

    @cached_property
    def formula(self) -> str:
        """As a person writes it: ``"AlFe4Co4Ni4"``, or atomic percents where the ratio is not simple."""
        ordered = sorted(self._pairs, key=lambda pair: display_rank(pair[0]))
        if sum(self.amounts) == RESOLUTION:
            return " ".join(f"{symbol_of(number)}{amount * 100 / RESOLUTION:.4g}" for number, amount in ordered)
        return "".join(f"{symbol_of(number)}{amount if amount > 1 else ''}" for number, amount in ordered)

    @property
    def constitution(self) -> str:
        """The group that splits keep together: the composition itself."""
        return self.key

    def digest(self) -> bytes:
        """16 bytes that name the composition."""
        return blake2b(self.key.encode(), digest_size=16).digest()

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.atomic_numbers, self.amounts, strict=True))
