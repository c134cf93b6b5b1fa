"""A material without a crystal as a cell of a table: a formula, amounts, SMILES, a repeat unit or a MOL block."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from epitaxy_models.data.source_row import MaterialText
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.materials.kind import MaterialKind

_MISSING_TEXTS = frozenset({"", "nan", "none", "null", "na", "n/a", "-"})


class AmountColumns(Protocol):
    """Columns of a table that each hold the amount of one element."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""

    def text_of(self, cells: Mapping[str, Any]) -> str:
        """The composition of one row as text. Raises ValueError that names the cell at fault."""


def material_reader(kind: MaterialKind, value: object) -> Callable[[], MaterialText]:
    """Reads the value when called. Raises InvalidMaterialError then."""
    return partial(_read, kind, value)


def amounts_reader(columns: AmountColumns, record: Mapping[str, Any]) -> Callable[[], MaterialText]:
    """Reads the amounts of one row when called. Raises InvalidMaterialError then."""
    return partial(_read_amounts, columns, record)


def _read_amounts(columns: AmountColumns, record: Mapping[str, Any]) -> MaterialText:
    try:
        text = columns.text_of(record)
    except ValueError as error:
        raise InvalidMaterialError(str(error), reason="INVALID_AMOUNT") from error
    return _read(MaterialKind.COMPOSITION, text)


def _read(kind: MaterialKind, value: object) -> MaterialText:
    from epitaxy_models.materials.reading import read_material  # noqa: PLC0415 - crystals need no RDKit

    if not isinstance(value, str) or value.strip().lower() in _MISSING_TEXTS:
        raise InvalidMaterialError(f"the row has no {kind.value}", reason=f"EMPTY_{kind.name}")
    material = read_material(kind, value).material
    return MaterialText(material.constitution, material.key)
