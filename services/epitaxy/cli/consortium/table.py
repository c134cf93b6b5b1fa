"""Rows of a table as the members of a simulated consortium would have them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client import InvalidRequestError
from epitaxy.client.finetune.columns import LabelCondition
from epitaxy.client.finetune.labels import Labels, read_labels
from epitaxy.client.inputs.material_columns import composition_column
from epitaxy.consortium.simulation import Table
from epitaxy_models.compositions import Composition, read_composition
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.federated.columns import AgreedCategory, AgreedCondition, AgreedRange, features_of

if TYPE_CHECKING:
    from epitaxy_models.transfer.conditions.condition import Values

# Two digits: a range that is agreed says no more of any row than its order.
_DIGITS = 1


@dataclass(frozen=True, slots=True, eq=False)
class CompanyTable:
    """A table that was read.

    Attributes:
        table: Rows with a label and a material.
        companies: Value of the column of companies, one a row; None where a row has none.
        refused: Ids of rows whose material cannot be used, and why.
    """

    table: Table
    companies: list[str | None]
    refused: tuple[tuple[str, str], ...]


def read_company_table(
    data: str, column: str, unit: str, compositions: str, conditions: Sequence[LabelCondition], by: str
) -> CompanyTable:
    """Reads the rows that have a label.

    Raises:
        InvalidRequestError: There is no such file or column, a cell is no number, or no row has a label.
        ConfigurationError: A condition cannot be learned.
    """
    names = [column, compositions, by, *(entry.name for entry in conditions)]
    if column in (compositions, by) or len({entry.name for entry in conditions} | {column}) <= len(conditions):
        message = f"a column is named twice in {', '.join(names)}: name each once"
        raise InvalidRequestError(message, reason="REPEATED_COLUMN")
    asked = [entry for entry in conditions if entry.name != by] + [LabelCondition(by, "category")]
    labels = read_labels(data, [column], composition_column(compositions), None, asked)
    rows, materials, refused = _usable(labels, column)
    if not rows:
        raise InvalidRequestError(f"no row of {data} has a composition and {column}", reason="NO_LABELS")
    values = labels.values[column][rows]
    agreed = [_agreed(entry, labels.conditions[entry.name][rows]) for entry in conditions if entry.name != by]
    under: dict[str, Values] = {entry.name: labels.conditions[entry.name][rows] for entry in agreed}
    features = features_of(materials, agreed, under)
    table = Table(features, values, _range(column, unit, values), tuple(agreed))
    return CompanyTable(table, labels.conditions[by][rows].tolist(), tuple(refused))


def _usable(labels: Labels, column: str) -> tuple[list[int], list[Composition], list[tuple[str, str]]]:
    rows: list[int] = []
    materials: list[Composition] = []
    refused: list[tuple[str, str]] = []
    for row in np.flatnonzero(np.isfinite(labels.values[column])).tolist():
        item = labels.items[row]
        try:
            materials.append(read_composition(_text_of(item.source)).composition)
            rows.append(row)
        except EpitaxyError as error:
            refused.append((item.id, f"{error.reason}: {error.message}"))
    return rows, materials, refused


def _text_of(source: Any) -> str:
    """The formula. An item that could not be read raises its error again."""
    if not hasattr(source, "content"):
        raise EpitaxyError(str(source.message), reason=str(source.reason))
    return str(source.content)


def _agreed(entry: LabelCondition, values: NDArray[Any]) -> AgreedCondition:
    if values.dtype == np.float64:
        return _range(entry.name, entry.unit, values[~np.isnan(values)])
    return AgreedCategory(entry.name, tuple(sorted({value for value in values.tolist() if value is not None})))


def _range(name: str, unit: str, values: NDArray[np.float64]) -> AgreedRange:
    """A range that holds all values, in round numbers, as members would agree on one.

    Raises InvalidRequestError if all values are the same: there is nothing to learn.
    """
    if not len(values) or not np.isfinite(values).all() or values.min() == values.max():
        what = "no row has a value" if not len(values) else "all rows have the same value, or one is not finite"
        raise InvalidRequestError(f"{name}: {what}, so that nothing can be learned", reason="NOTHING_TO_LEARN")
    low, high = float(values.min()), float(values.max())
    step = 10.0 ** (math.floor(math.log10(max(abs(low), abs(high)))) - _DIGITS)
    return AgreedRange(name, unit, (math.floor(low / step) - 1) * step, (math.ceil(high / step) + 1) * step)
