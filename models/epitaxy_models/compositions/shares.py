"""Amounts of named elements: atomic or by weight, in any scale or as percents, one of them perhaps the balance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import fsum, isfinite

from epitaxy_models.compositions.atoms import Atoms
from epitaxy_models.compositions.intake import CompositionRefusal, CompositionRepair, refusal
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.structures.masses import ATOMIC_MASSES

# Twenty amounts of one decimal each err by at most 1 together.
_SUM_TOLERANCE = 0.01
_TOLD_FROM = 0.0005
_MAX_SHOWN = 20


class Basis(StrEnum):
    """What the amounts of a composition count.

    Members: ``AT``, shares of the atoms, which add up to 1 or 100; ``WT``, shares of the mass, likewise; ``RATIO``,
    atoms in any scale, as in a formula.
    """

    AT = "at"
    WT = "wt"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Shares:
    """Amounts by element, as given.

    Attributes:
        amounts: By symbol.
        basis: What they count.
        balance: Symbol of the element that makes up the rest; None: no element does.
        is_strict: Whether shares must add up; False for formulas, whose scale does not matter.
        repairs: Earlier ones, by code.
    """

    amounts: Mapping[str, float]
    basis: Basis
    balance: str | None = None
    is_strict: bool = True
    repairs: Mapping[str, str] = field(default_factory=dict)

    def atoms(self) -> Atoms:
        """The atoms. Raises InvalidMaterialError (UNKNOWN_ELEMENT, INVALID_AMOUNT, AMOUNTS_DO_NOT_ADD_UP)."""
        atoms = Atoms(repairs=dict(self.repairs))
        for symbol, amount in self._completed(atoms.repairs).items():
            number = _atomic_number(symbol)
            if symbol in {"D", "T"} and amount:
                atoms.repairs[CompositionRepair.DEUTERIUM_AS_HYDROGEN] = "deuterium or tritium is treated as hydrogen"
            count = amount / ATOMIC_MASSES[number] if self.basis is Basis.WT else amount
            atoms.add(Atoms({number: float(count)}), 1.0)
        return atoms

    def _completed(self, repairs: dict[str, str]) -> Mapping[str, float]:
        """The amounts with the balance; tells a sum that is off."""
        for symbol, amount in self.amounts.items():
            _atomic_number(symbol)
            if not isfinite(amount) or amount < 0:
                raise refusal(
                    CompositionRefusal.INVALID_AMOUNT,
                    f"the amount of {symbol} is {amount:g}: give a number that is not negative",
                )
        if self.balance is not None:
            return {**self.amounts, self.balance: self._rest()}
        if self.is_strict and self.basis is not Basis.RATIO:
            self._check_sum(repairs)
        return self.amounts

    def _rest(self) -> float:
        total = fsum(self.amounts.values())
        if self.basis is Basis.RATIO:
            raise refusal(
                CompositionRefusal.AMOUNTS_DO_NOT_ADD_UP,
                f"{self.balance} is the balance of a ratio: state at. % or wt. %",
            )
        # Alloying elements of a fraction never add up to more than 1, and percents of less than 1 in all are steels'
        # traces: they are percents, as tables write them.
        whole = 100.0
        if total >= whole:
            raise refusal(
                CompositionRefusal.AMOUNTS_DO_NOT_ADD_UP,
                f"the amounts add up to {total:g} and leave nothing for the balance {self.balance}: correct them",
            )
        return whole - total

    def _check_sum(self, repairs: dict[str, str]) -> None:
        total = fsum(self.amounts.values())
        whole = 1.0 if total <= 1.0 + _SUM_TOLERANCE else 100.0
        if abs(total / whole - 1.0) > _SUM_TOLERANCE:
            raise refusal(
                CompositionRefusal.AMOUNTS_DO_NOT_ADD_UP,
                f"the amounts add up to {total:.6g}, which is neither 100 nor 1: complete them, name the balance with "
                "Bal., or state them as a ratio",
            )
        if abs(total / whole - 1.0) > _TOLD_FROM:
            repairs[CompositionRepair.SCALED_AMOUNTS] = f"amounts that add up to {total:.6g} were scaled to {whole:g}"


def _atomic_number(symbol: str) -> int:
    number = atomic_number_of(symbol)
    if number is None:
        raise refusal(
            CompositionRefusal.UNKNOWN_ELEMENT,
            f"{symbol[:_MAX_SHOWN]!r} is not an element: give symbols such as Fe",
        )
    return number
