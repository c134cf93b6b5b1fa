"""Compositions in tables with one column an element: ``Al,Co,Cr,Fe:wt``."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy.tables.numbers import is_missing, read_number

_UNITS = {"at": "at%", "wt": "wt%", "ratio": ""}
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_BALANCE = re.compile(r"bal(?:ance)?\.?|rest|remainder", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ElementColumns:
    """The columns, each named after its element, and what their numbers count.

    Attributes:
        names: Names of the columns, which are symbols of elements.
        basis: ``"at"``, ``"wt"`` or ``"ratio"``.
    """

    names: tuple[str, ...]
    basis: str = "at"

    @staticmethod
    def of(text: str) -> "ElementColumns":
        """The columns of ``Al,Co,Cr:wt``; without a unit, atomic percents or fractions.

        Raises ValueError; says what to do.
        """
        listed, _, unit = text.partition(":")
        names = tuple(name.strip() for name in listed.split(",") if name.strip())
        basis = unit.strip().lower().rstrip("%.") or "at"
        if basis not in _UNITS:
            raise ValueError(f"{unit!r} is no unit of element columns: give at, wt or ratio, as in Al,Co,Cr:wt")
        wrong = next((name for name in names if not _SYMBOL.fullmatch(name)), None)
        if wrong is not None or not names:
            raise ValueError(
                f"{wrong or text!r} names no element: list columns named after elements, as in Al,Co,Cr:wt"
            )
        repeated = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if repeated is not None:
            raise ValueError(f"{repeated} is listed twice: list each column once")
        return ElementColumns(names, basis)

    def as_text(self) -> str:
        """What ``of`` reads."""
        return f"{','.join(self.names)}:{self.basis}"

    def text_of(self, cells: Mapping[str, Any]) -> str:
        """The composition in the cells of one row, as text for the server: ``"Fe:bal, Ni:18 wt%"``.

        Empty cells are 0, and one cell may say ``Bal.``. Raises ValueError that names the cell without a number.
        """
        shares = self._shares(cells)
        if not shares:
            raise ValueError(f"the columns {', '.join(self.names[:8])} are empty: fill in the composition")
        return f"{', '.join(f'{name}:{share}' for name, share in shares)} {_UNITS[self.basis]}".strip()

    def is_empty(self, cells: Mapping[str, Any]) -> bool:
        """Whether a row has no amount at all. Raises ValueError as ``text_of``."""
        return not self._shares(cells)

    def _shares(self, cells: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [(name, share) for name in self.names if (share := _share(name, cells.get(name))) is not None]


def _share(name: str, cell: Any) -> str | None:
    """The amount as text, ``"bal"`` for the balance, None for none."""
    if isinstance(cell, str) and _BALANCE.fullmatch(cell.strip()):
        return "bal"
    if is_missing(cell):
        return None
    try:
        value = read_number(cell.strip().rstrip("%").strip() if isinstance(cell, str) else cell)
    except ValueError as error:
        raise ValueError(f"{name} holds {error}") from None
    if math.isinf(value) or value < 0:
        raise ValueError(f"{name} holds {value:g}: give an amount that is not negative")
    return f"{value:.12g}" if value and not math.isnan(value) else None
