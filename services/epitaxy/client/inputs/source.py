"""Everything that ``screen`` accepts, as one lazy stream of items."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.blocks import CellBlock, InputBlock
from epitaxy.client.inputs.cells import read_cell
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import Conditions, condition_columns, under
from epitaxy.client.inputs.frames import (
    is_columns,
    is_frame,
    is_series,
    rows_of_columns,
    rows_of_frame,
    series_pairs,
)
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem, Source, refuse, with_known_values
from epitaxy.client.inputs.objects import is_structure, is_text, read_object
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import RowStream, TableRow
from epitaxy.client.inputs.tables import missing_column, read_row, read_stream
from epitaxy.tables.ids import id_text


@dataclass(frozen=True, slots=True)
class InputStream:
    """Items to be read once.

    Attributes:
        items: The structures, read as they are drawn.
        count: Counts the structures, from footers and lines of files; None if only reading them tells.
        log: What is left out, filled as items are drawn.
        parts: The same structures, those of Parquet tables as blocks where they can be; draw from this or from
            ``items``. None if there are no blocks.
    """

    items: Iterator[InputItem]
    count: Callable[[], int | None]
    log: ReadingLog = field(default_factory=ReadingLog)
    parts: Iterator[InputItem | InputBlock] | None = None

    @property
    def items_or_blocks(self) -> Iterator[InputItem | InputBlock]:
        """The structures for a reader that takes blocks too."""
        return self.items if self.parts is None else self.parts


# Known values as they are given: the names of columns of the tables, or values in the order of the structures.
Known = Sequence[str] | Mapping[str, Sequence[float]]
_DEFAULT_COLUMNS = Columns()
_MADE = (InputItem, InputBlock)


def open_inputs(
    inputs: Any, known: Known = (), columns: Columns = _DEFAULT_COLUMNS, conditions: Conditions = ()
) -> InputStream:
    """A stream of a path, a structure, a table, or any collection or generator of paths and structures.

    Args:
        inputs: See ``Client``.
        known: Values of a lower fidelity that go with the structures.
        columns: Columns of the structures and ids in tables; an ``Inventory`` keeps its own.
        conditions: Conditions under which the structures are asked about.

    Raises:
        InvalidRequestError: A path does not exist, a table lacks a column, or ``inputs`` are neither paths nor
            structures.
    """
    if isinstance(conditions, Mapping):
        stream = open_inputs(inputs, known, columns)
        return replace(stream, items=under(stream.items, conditions), parts=None) if conditions else stream
    columns = replace(columns, conditions=condition_columns(conditions) or columns.conditions)
    if isinstance(known, str):
        known = (known,)
    if not isinstance(known, Mapping):
        return _open(inputs, replace(columns, known=tuple(known)))
    stream = _open(inputs, columns)
    return replace(stream, items=_with_values(stream.items, known), parts=None) if known else stream


def _with_values(items: Iterator[InputItem], known: Mapping[str, Sequence[float]]) -> Iterator[InputItem]:
    # A series of pandas is indexed by its labels, not by position.
    values = {name: column.tolist() if hasattr(column, "tolist") else column for name, column in known.items()}
    for item in items:
        if all(item.index < len(column) for column in values.values()):
            cells = {name: column[item.index] for name, column in values.items()}
            yield replace(item, source=with_known_values(item.source, cells))
        else:
            message = "the known values are fewer than the structures: give one for each, NaN if there is none"
            yield replace(item, source=refuse("MISSING_KNOWN_VALUE", message))


def _open(inputs: Any, columns: Columns) -> InputStream:
    if _is_path(inputs):
        return _of_inventory(Inventory.of([inputs], columns=columns))
    if isinstance(inputs, Inventory):
        kept = inputs.columns
        own = replace(kept, known=columns.known or kept.known, conditions=columns.conditions or kept.conditions)
        return _of_inventory(replace(inputs, columns=own))
    if is_structure(inputs) or is_text(inputs):
        return _of_sources([inputs], 1, columns)
    return _open_table(inputs, columns) or _open_collection(inputs, columns)


def _open_table(inputs: Any, columns: Columns) -> InputStream | None:
    if is_frame(inputs):
        return _of_rows(rows_of_frame(inputs), columns, len(inputs))
    if is_series(inputs):
        return InputStream(_number(_read_series(inputs)), lambda: len(inputs))
    if is_columns(inputs, columns.structure):
        return _of_rows(rows_of_columns(inputs), columns, len(inputs[columns.structure]))
    return None


def _open_collection(inputs: Any, columns: Columns) -> InputStream:
    if isinstance(inputs, Mapping):
        return _of_sources(inputs.items(), len(inputs), columns)
    if not isinstance(inputs, Iterable):
        raise InvalidRequestError(f"a {type(inputs).__name__} is neither paths nor structures", reason="INVALID_INPUT")
    if isinstance(inputs, list | tuple) and inputs and all(map(_is_path, inputs)):
        return _of_inventory(Inventory.of(inputs, columns=columns))
    return _of_sources(inputs, None, columns)


def _of_inventory(inventory: Inventory) -> InputStream:
    log = ReadingLog(list(inventory.ignored), inventory.n_ignored)
    parts = _number_parts(inventory.read_blocks(log))
    return InputStream(_number(inventory.read(log)), inventory.count, log, parts)


def _of_rows(stream: RowStream, columns: Columns, count: int) -> InputStream:
    missing = missing_column(stream, columns)
    if missing is not None:
        raise InvalidRequestError(f"the table has {missing.message}", reason=missing.reason)
    return InputStream(_number(read_stream(stream, columns)), lambda: count)


def _read_series(series: Any) -> Iterator[tuple[str, Source]]:
    for number, (row_id, cell) in enumerate(series_pairs(series)):
        if _is_path(cell):
            sources = list(Inventory.of([cell]).read())
            yield from ((id_text(row_id) or item_id, source) for item_id, source in sources)
        else:
            yield id_text(row_id) or str(number), read_cell(cell)


def _of_sources(inputs: Iterable[Any], count: int | None, columns: Columns) -> InputStream:
    log = ReadingLog()
    parts = _keep_or_number(iter(inputs), columns, log)
    return InputStream(_single(parts), lambda: count, log, parts)


def _keep_or_number(entries: Iterator[Any], columns: Columns, log: ReadingLog) -> Iterator[InputItem | InputBlock]:
    """Items and blocks that were made elsewhere keep their index; everything else is numbered from 0."""
    index = 0
    for entry in entries:
        if isinstance(entry, _MADE):
            yield entry
            continue
        if type(entry) is tuple:  # neither a path nor a row of a table
            item_id, source = read_object(entry, str(index))
            yield InputItem(item_id, index, source)
            index += 1
            continue
        for item_id, source in _read_entry(entry, index, columns, log):
            yield InputItem(item_id, index, source)
            index += 1


def _read_entry(entry: Any, index: int, columns: Columns, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    if _is_path(entry):
        inventory = Inventory.of([entry], columns=columns)
        log.n_ignored += inventory.n_ignored
        log.ignored += inventory.ignored
        yield from inventory.read(log)
    elif isinstance(entry, Mapping) and columns.structure in entry and "lattice" not in entry:
        yield read_row(TableRow(index, entry), columns, columns.id, "", None)
    else:
        yield read_object(entry, str(index))


def _single(parts: Iterator[InputItem | InputBlock]) -> Iterator[InputItem]:
    for part in parts:
        if isinstance(part, InputBlock):
            yield from part.items()
        else:
            yield part


def _number_parts(parts: Iterable[CellBlock | tuple[str, Source]]) -> Iterator[InputItem | InputBlock]:
    index = 0
    for part in parts:
        if isinstance(part, CellBlock):
            yield InputBlock(part, index)
            index += len(part)
        else:
            yield InputItem(part[0], index, part[1])
            index += 1


def _number(sources: Iterable[tuple[str, Source]]) -> Iterator[InputItem]:
    for index, (item_id, source) in enumerate(sources):
        yield InputItem(item_id, index, source)


def _is_path(value: object) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and not is_text(value))
