"""Amounts of atoms while a formula is read: counts, charges, and what was dropped on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from epitaxy_models.structures.intake import Repair
from epitaxy_models.structures.masses import ATOMIC_MASSES

_CHARGE_TOLERANCE = 1e-3


@dataclass(slots=True)
class Atoms:
    """A multiset of atoms that grows while a text is read.

    Attributes:
        amounts: By atomic number, in any scale.
        charge: Sum of the charges that the text states, in the same scale; None where it states none.
        repairs: What reading changed, by code.
    """

    amounts: dict[int, float] = field(default_factory=dict)
    charge: float | None = None
    repairs: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Atoms", factor: float) -> None:
        """Adds ``factor`` times the other atoms."""
        for number, amount in other.amounts.items():
            self.amounts[number] = self.amounts.get(number, 0.0) + factor * amount
        if other.charge is not None:
            self.charge = (self.charge or 0.0) + factor * other.charge
        if other.repairs:
            self.repairs |= other.repairs

    @property
    def is_charged(self) -> bool:
        """Whether the stated charges leave a net one."""
        scale = max(sum(self.amounts.values()), 1e-300)
        return self.charge is not None and abs(self.charge) / scale > _CHARGE_TOLERANCE

    @property
    def mass(self) -> float:
        """Mass in u, in the scale of the amounts."""
        return float(sum(ATOMIC_MASSES[number] * amount for number, amount in self.amounts.items()))

    def told(self) -> Iterator[Repair]:
        """The repairs, in the order in which they were made."""
        return (Repair(code, message) for code, message in self.repairs.items())
