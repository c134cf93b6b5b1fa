"""Labels on their way to the server: structures, and a number or none for each in every column."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.finetune.columns import LabelCondition
from epitaxy.client.finetune.tables import RowTable, read_rows
from epitaxy.client.inputs.cells import read_cell
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.item import InputItem, Source
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.results import ItemError
from epitaxy.client.screening.packing import pack_items
from epitaxy.tables.bounds import read_bounds
from epitaxy.tables.classes import all_classes, is_boolean, read_classes
from epitaxy.tables.conditions import ConditionCells, read_conditions
from epitaxy.tables.ids import id_column_of, own_id
from epitaxy.tables.numbers import NumberColumn, read_bounded_column, read_column

# What a gateway takes in one message by default, less room for what goes around the labels.
MAX_INLINE_BYTES = 15 << 20
_SHOWN_REFUSALS = 3
_LOGGER = logging.getLogger(__name__)
_SHOWN_CELLS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Rows of one job.

    Attributes:
        items: One structure for each row; one that cannot be read has the reason in its place.
        values: Values by column, float64, shape ``[n_rows]``; NaN if a row has none.
        lines: Line of the file on which each row begins, from 1, by the items' index; None if the rows have no lines.
        notes: How the table was read, where that is not obvious, such as with decimal commas; repeated ids.
        conditions: Values of conditions by column, ``[n_rows]``: float64 with NaN where unknown, or texts and None.
        sides: -1 for a label of the target that is an upper bound, 1 for a lower one, 0 for a value, int8 ``[n_rows]``;
            None if none is a bound.
        task: What the labels of the target are: ``"classification"`` if they are read as 0 or 1, else
            ``"regression"``.
    """

    items: tuple[InputItem, ...]
    values: Mapping[str, NDArray[np.float64]]
    lines: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()
    conditions: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    sides: NDArray[np.int8] | None = None
    task: str = "regression"

    @property
    def refused(self) -> list[tuple[InputItem, ItemError]]:
        """Rows whose structure cannot be read, with the reason."""
        return [(item, item.source) for item in self.items if isinstance(item.source, ItemError)]

    def without_refused(self) -> "Labels":
        """The rows that have a structure."""
        kept = [row for row, item in enumerate(self.items) if not isinstance(item.source, ItemError)]
        values = {name: column[kept] for name, column in self.values.items()}
        conditions = {name: column[kept] for name, column in self.conditions.items()}
        sides = None if self.sides is None else self.sides[kept]
        items = tuple(self.items[row] for row in kept)
        return replace(self, items=items, values=values, conditions=conditions, sides=sides)

    def place(self, item: InputItem) -> str:
        """How an error names a row: by its line in the file, or else by its number."""
        return row_text(item.id, item.index, None if self.lines is None else self.lines[item.index])

    def to_proto(self) -> finetune_pb2.InlineLabels:
        """The labels on the wire, structures packed. Raises InvalidRequestError for a bad row, or too many labels."""
        if self.refused:
            raise self._bad_structures()
        structures, _ = pack_items(self.items)
        columns = [finetune_pb2.LabelValues(column=name, values=column) for name, column in self.values.items()]
        if self.sides is not None and columns:
            columns[0].upper_bounds.extend(np.flatnonzero(self.sides < 0).tolist())
            columns[0].lower_bounds.extend(np.flatnonzero(self.sides > 0).tolist())
        conditions = [_condition_message(name, values) for name, values in self.conditions.items()]
        message = finetune_pb2.InlineLabels(structures=structures, columns=columns, conditions=conditions)
        if message.ByteSize() > MAX_INLINE_BYTES:
            raise InvalidRequestError(
                f"the labels are {message.ByteSize() / 2**20:.0f} MiB and one message takes {MAX_INLINE_BYTES >> 20}: "
                "leave out rows without a label, or put the table where the server reads it and give its file:// or "
                "s3:// address",
                reason="LABELS_TOO_LARGE",
            )
        return message

    def _bad_structures(self) -> InvalidRequestError:
        shown = "; ".join(f"{self.place(item)}: {error.message}" for item, error in self.refused[:_SHOWN_REFUSALS])
        n_more = len(self.refused) - _SHOWN_REFUSALS
        more = f"; and {n_more} more" if n_more > 0 else ""
        message = f"{shown}{more}. Correct or drop these rows, or leave them out with skip_refused (--skip-refused)"
        return InvalidRequestError(message, reason="UNREADABLE_STRUCTURES")


def read_labels(
    data: Any,
    columns: Sequence[str],
    structure_column: str | MaterialColumn = STRUCTURE_COLUMN,
    id_column: str | None = None,
    conditions: Sequence[LabelCondition] = (),
    *,
    needs_ids: bool = False,
    with_bounds: bool = False,
    censored: str = "",
    task: str = "regression",
) -> Labels:
    """The labels in a table, a folder, a data frame or plain rows (see ``read_rows``).

    Args:
        data: The table, folder, data frame or rows.
        columns: Names of the columns of values, the target first.
        structure_column: Column of the structures, whose cells are as in ``read_cell``, or where other materials are.
        id_column: Column of the rows' names; None: ``id``, ``material_id`` and the like, a data frame's index, or the
            row's number.
        conditions: Columns of conditions.
        needs_ids: True to refuse a row without a name, instead of numbering it.
        with_bounds: True to read cells of the target such as ``"< 1e-8"`` as bounds, instead of refusing them.
        censored: Column that tells which labels of the target are bounds, as in ``read_bounds``; empty: none.
        task: ``"classification"`` to read the target as 0 or 1, ``"auto"`` to do so if its cells are truth values.

    Raises:
        InvalidRequestError: A column is missing, or cells do not hold numbers; names their rows.
    """
    others = (name for name in (id_column, censored) if name)
    where = Columns.of(structure_column, id_column)
    first, *more = where.inputs
    wanted = (*columns, *(entry.name for entry in conditions), *others, *more)
    table = read_rows(data, first, wanted)
    for name in (first, *wanted):
        if name not in table.names:
            raise _no_column(name, table.names)
    if needs_ids:
        _check_ids(table, id_column)
    ids = _ids(table, id_column)
    columns_read = {name: read_column(cells.get(name) for _, cells in table.rows) for name in columns}
    task = _task(table, columns, task)
    if task == "classification":
        columns_read[columns[0]] = read_classes(cells.get(columns[0]) for _, cells in table.rows)
    elif with_bounds:
        columns_read[columns[0]] = read_bounded_column(cells.get(columns[0]) for _, cells in table.rows)
    lines = tuple(row.line for row, _ in table.rows if row.line is not None)
    places = [row_text(row_id, number, table.rows[number][0].line) for number, row_id in enumerate(ids)]
    conditions_read = {
        entry.name: read_conditions((cells.get(entry.name) for _, cells in table.rows), entry.unit)
        for entry in conditions
    }
    _check_cells(columns_read, places, "NOT_A_CLASS" if task == "classification" else "INVALID_LABEL")
    sides = _sides(table, columns_read[columns[0]].sides if columns else (), censored, places)
    _check_conditions(conditions_read, places)
    items = [InputItem(row_id, number, _source(table, number, where)) for number, row_id in enumerate(ids)]
    values = {name: np.array(column.values, dtype=np.float64) for name, column in columns_read.items()}
    hints = _class_hint(columns[0], columns_read[columns[0]]) if with_bounds and task == "regression" else []
    notes = (*table.notes, *_number_notes(columns_read), *hints, *_repeats(ids))
    for note in notes:
        _LOGGER.warning("%s", note)
    under = {name: cells.values for name, cells in conditions_read.items()}
    return Labels(tuple(items), values, lines if len(lines) == len(ids) else None, notes, under, sides, task)


def labels_of(
    data: Any,
    columns: Sequence[str],
    structure_column: str | MaterialColumn,
    id_column: str | None,
    conditions: Sequence[LabelCondition] = (),
    *,
    skip_refused: bool,
    censored: str = "",
    task: str = "auto",
) -> Labels | finetune_pb2.LabelFile:
    """Labels to send, or the address of a table for the server to read. Raises as ``read_labels``."""
    if is_address(data):
        where = Columns.of(structure_column, id_column)
        kind = "unspecified" if where.material is None else where.material.kind
        elements = None if where.material is None else where.material.elements
        return finetune_pb2.LabelFile(
            uri=data,
            structure_column=where.structure,
            id_column=id_column or "",
            censored_column=censored,
            kind=f"MATERIAL_KIND_{kind.upper()}",
            element_columns=elements.as_text() if elements else "",
        )
    labels = read_labels(
        data, columns, structure_column, id_column, conditions, with_bounds=True, censored=censored, task=task
    )
    return labels.without_refused() if skip_refused else labels


def _source(table: RowTable, number: int, where: Columns) -> Source:
    cells = table.rows[number][1]
    if where.material is not None:
        return where.material.read(cells)
    return read_cell(cells.get(where.structure), table.files)


def is_address(data: object) -> bool:
    """True for the address of a table that the server is to read: ``s3://...``, ``file:///...``."""
    return isinstance(data, str) and "://" in data


def row_text(row_id: str, index: int, line: int | None = None) -> str:
    """How an error names a row: by its line in a file, or else by its number from 0, and by its id."""
    place = f"row {index}" if line is None else f"line {line}"
    return place if row_id == str(index) else f"{place} ({row_id[:80]})"


def _check_ids(table: RowTable, id_column: str | None) -> None:
    if id_column is None and table.id_column is None and id_column_of(table.names) is None:
        found = ", ".join(table.names[:12]) or "none"
        message = f"the rows have no column 'id', 'material_id' or the like, only {found}: name the column of ids"
        raise InvalidRequestError(message, reason="NO_ID")
    missing = [number for number, row_id in enumerate(_own_ids(table, id_column)) if row_id is None]
    if missing:
        row, _ = table.rows[missing[0]]
        place = row_text(str(missing[0]), missing[0], row.line)
        more = f" ({len(missing)} rows have none)" if len(missing) > 1 else ""
        raise InvalidRequestError(f"{place} has no id: name the column of ids, and fill it{more}", reason="NO_ID")


def _ids(table: RowTable, id_column: str | None) -> list[str]:
    found = zip(table.rows, _own_ids(table, id_column), strict=True)
    return [row_id if row_id is not None else str(row.number) for (row, _), row_id in found]


def _own_ids(table: RowTable, id_column: str | None) -> list[str | None]:
    column = id_column if id_column is not None else table.id_column
    return [own_id(cells, column) for _, cells in table.rows]


def _task(table: RowTable, columns: Sequence[str], task: str) -> str:
    """What the labels of the target are, once its cells are known."""
    if task != "auto" or not columns:
        return "regression" if task == "auto" else task
    return "classification" if is_boolean(cells.get(columns[0]) for _, cells in table.rows) else "regression"


def _class_hint(name: str, column: NumberColumn) -> list[str]:
    if not all_classes(column.values):
        return []
    return [f"{name} holds only 0 and 1, which are learned as numbers: --task classification gives a probability"]


def _check_cells(columns: Mapping[str, NumberColumn], places: Sequence[str], reason: str) -> None:
    """Raises InvalidRequestError that names all cells without a number, up to a bound."""
    bad = [f"{places[row]}: {name} holds {what}" for name, column in columns.items() for row, what in column.bad]
    if not bad:
        return
    more = f"; and {len(bad) - _SHOWN_CELLS} more" if len(bad) > _SHOWN_CELLS else ""
    what = "class" if reason == "NOT_A_CLASS" else "number"
    count = f"{len(bad)} cells hold no {what}. " if len(bad) > 1 else ""
    raise InvalidRequestError(f"{count}{'; '.join(bad[:_SHOWN_CELLS])}{more}", reason=reason)


def _sides(table: RowTable, own: Sequence[int], censored: str, places: Sequence[str]) -> NDArray[np.int8] | None:
    """Which labels are bounds, by their own cells and by the column that tells; None if none is.

    Raises InvalidRequestError that names the first cells of that column that say neither.
    """
    sides = np.array(own or [0] * len(table.rows), dtype=np.int8)
    if censored:
        told = read_bounds((cells.get(censored) for _, cells in table.rows), censored)
        if told.bad:
            shown = "; ".join(f"{places[row]}: {censored} holds {what}" for row, what in told.bad[:_SHOWN_REFUSALS])
            raise InvalidRequestError(shown, reason="INVALID_BOUND")
        sides = np.where(sides != 0, sides, np.array(told.sides, dtype=np.int8))
    return sides if sides.any() else None


def _check_conditions(conditions: Mapping[str, ConditionCells], places: Sequence[str]) -> None:
    """Raises InvalidRequestError that names the first cells that hold no condition."""
    bad = [f"{places[row]}: {name} holds {what}" for name, cells in conditions.items() for row, what in cells.bad]
    if bad:
        more = f"; and {len(bad) - _SHOWN_REFUSALS} more" if len(bad) > _SHOWN_REFUSALS else ""
        raise InvalidRequestError(f"{'; '.join(bad[:_SHOWN_REFUSALS])}{more}", reason="INVALID_CONDITION")


def _condition_message(name: str, values: NDArray[Any]) -> structure_pb2.ConditionColumn:
    if values.dtype == np.float64:
        return structure_pb2.ConditionColumn(name=name, numbers=values.astype("<f8").tobytes())
    return structure_pb2.ConditionColumn(name=name, categories=[value or "" for value in values.tolist()])


def _number_notes(columns: Mapping[str, NumberColumn]) -> list[str]:
    names = [name for name, column in columns.items() if column.has_decimal_commas]
    return [f"{', '.join(names)}: read with decimal commas"] if names else []


def _repeats(ids: Sequence[str]) -> list[str]:
    repeated = [(row_id, count) for row_id, count in Counter(ids).items() if count > 1]
    if not repeated:
        return []
    shown = ", ".join(f"{row_id[:80]} ({count} rows)" for row_id, count in repeated[:_SHOWN_REFUSALS])
    more = f" and {len(repeated) - _SHOWN_REFUSALS} more" if len(repeated) > _SHOWN_REFUSALS else ""
    return [f"repeated ids: {shown}{more}; all rows are kept"]


def _no_column(name: str, names: Sequence[str]) -> InvalidRequestError:
    found = ", ".join(names[:12]) or "none"
    others = ", or that of other materials, such as --smiles-column" if name == STRUCTURE_COLUMN else ""
    return InvalidRequestError(
        f"the labels have no column {name!r}, only {found}: name one{others}", reason="NO_LABEL_COLUMN"
    )
