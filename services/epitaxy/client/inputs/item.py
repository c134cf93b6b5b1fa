"""One structure on its way to the server."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.results import ItemError
from epitaxy.tables.ids import clean_id
from epitaxy.tables.numbers import read_number

TextKind = Literal["cif", "poscar", "extxyz", "pymatgen_json", "composition", "molecule", "polymer"]
# Values of a lower fidelity that the caller knows already, by column; those that are not known are left out.
KnownValues = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """The value of one condition.

    Attributes:
        name: Of the condition, as the model's card or the campaign states it.
        value: A number, or a category.
        unit: Of a number; empty for the unit that the card states.
    """

    name: str
    value: float | str
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A crystal as arrays: the fast path.

    Attributes:
        lattice: Row vectors in Angstrom, float64, shape ``[3, 3]``.
        atomic_numbers: uint8, shape ``[n_sites]``.
        frac_coords: Fractional coordinates, float64, shape ``[n_sites, 3]``.
    """

    lattice: NDArray[np.float64]
    atomic_numbers: NDArray[np.uint8]
    frac_coords: NDArray[np.float64]
    known_values: KnownValues = ()
    conditions: tuple[ConditionValue, ...] = ()

    @property
    def n_bytes(self) -> int:
        """Size on the wire."""
        return self.lattice.nbytes + self.atomic_numbers.nbytes + self.frac_coords.nbytes


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a structure file, or of a composition, molecule or polymer, which the server reads."""

    kind: TextKind
    content: str
    known_values: KnownValues = ()
    conditions: tuple[ConditionValue, ...] = ()

    @property
    def n_bytes(self) -> int:
        """Size on the wire, to a factor of four for text that is not ASCII."""
        return len(self.content) if self.content.isascii() else len(self.content.encode())


# What a reader yields for one structure: something to send, or why there is nothing to send.
Source = Cell | Text | ItemError


@dataclass(frozen=True, slots=True, eq=False)
class InputItem:
    """One structure of a screening.

    Attributes:
        id: The row's own id or the file's name; need not be unique.
        index: Position in the input; unique.
    """

    id: str
    index: int
    source: Source


def with_known_values(source: Source, cells: Mapping[str, Any]) -> Source:
    """The structure with known values, or a refusal if a cell does not hold a number."""
    if isinstance(source, ItemError) or not cells:
        return source
    values = []
    for name, cell in cells.items():
        try:
            value = read_number(cell)
        except ValueError as error:
            return refuse("INVALID_KNOWN_VALUE", f"{name} holds {error}")
        if not math.isnan(value):
            values.append((name, value))
    return replace(source, known_values=tuple(values))


def refuse(reason: str, message: str) -> ItemError:
    """A refusal by the client itself, under the server's reason if it has one; the message goes on one line."""
    return ItemError(reason, clean_id(" ".join(message.split())))
