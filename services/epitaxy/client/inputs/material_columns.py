"""Columns of tables that hold compositions, molecules or polymers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.materials import MaterialKind, read_material_cell, text_of
from epitaxy.tables.element_columns import ElementColumns

_SUBSTRATES: dict[MaterialKind, str] = {
    "composition": "substrate-composition",
    "molecule": "substrate-molecule",
    "polymer": "substrate-molecule",
}


@dataclass(frozen=True, slots=True)
class MaterialColumn:
    """Where a table holds its materials; ``structure_column`` of the client's methods takes one.

    Attributes:
        kind: ``"composition"``, ``"molecule"`` or ``"polymer"``.
        name: Column of formulas or SMILES; empty if there is one column an element.
        elements: The columns of elements; None if one column holds the material.
    """

    kind: MaterialKind
    name: str = ""
    elements: ElementColumns | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read."""
        return self.elements.names if self.elements is not None else (self.name,)

    @property
    def substrate(self) -> str:
        """Name of the shared model that answers such materials."""
        return _SUBSTRATES[self.kind]

    def read(self, cells: Mapping[str, Any]) -> Source:
        """The material in the cells of one row, or why there is none."""
        if self.elements is None:
            return read_material_cell(cells.get(self.name), self.kind)
        try:
            return text_of(self.elements.text_of(cells), self.kind)
        except ValueError as error:
            return refuse("INVALID_AMOUNT", str(error))


def smiles_column(name: str) -> MaterialColumn:
    """A column of molecules as SMILES."""
    return MaterialColumn("molecule", name)


def polymer_column(name: str) -> MaterialColumn:
    """A column of polymers as SMILES of the repeat unit with two ``*``, or of several units with fractions."""
    return MaterialColumn("polymer", name)


def composition_column(name: str) -> MaterialColumn:
    """A column of compositions as formulas, or as amounts such as ``"Fe:Bal., Ni:18 wt%"``."""
    return MaterialColumn("composition", name)


def element_columns(text: str) -> MaterialColumn:
    """One column an element: ``"Al,Co,Cr,Fe:wt"``; units are at (the default), wt and ratio.

    Raises InvalidRequestError for a name that is not an element's, or another unit.
    """
    try:
        return MaterialColumn("composition", elements=ElementColumns.of(text))
    except ValueError as error:
        raise InvalidRequestError(str(error), reason="INVALID_ELEMENT_COLUMNS") from None
