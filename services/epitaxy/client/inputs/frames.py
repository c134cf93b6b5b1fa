"""Data frames, series and columns of pandas, polars and Arrow, known by what they carry."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.objects import is_structure
from epitaxy.client.inputs.rows import RowStream, TableRow
from epitaxy.tables.ids import id_column_of, id_text

_INDEX = "\0index"


def is_frame(data: object) -> bool:
    """True for a table of pandas, polars or Arrow."""
    return all(hasattr(data, name) for name in ("columns", "to_dict")) or hasattr(data, "column_names")


def is_series(data: object) -> bool:
    """True for a column of pandas."""
    return all(hasattr(data, name) for name in ("index", "items", "to_frame"))


def is_columns(data: object, structure_column: str) -> bool:
    """True for a dict of columns, one of which holds structures."""
    column = data.get(structure_column) if isinstance(data, Mapping) else None
    is_sequence = isinstance(column, list | tuple | np.ndarray) or hasattr(column, "__array__")
    return is_sequence and not is_structure(column) and not isinstance(column, Mapping)


def rows_of_frame(data: Any) -> RowStream:
    """The rows of a data frame. Its ids are in a column such as ``id``, or else the index if it is not a plain range.

    A named index is a column too.
    """
    if hasattr(data, "iter_rows"):  # polars
        return _of_rows(list(map(str, data.columns)), data.iter_rows(named=True))
    if hasattr(data, "column_names"):  # Arrow
        return _of_rows(list(data.column_names), iter(data.to_pylist()))
    names = [str(name) for name in data.columns]
    index = _index_cells(data.index)
    columns = [data.iloc[:, position].tolist() for position in range(len(names))]
    index_names = [str(name) for name in data.index.names if name is not None and str(name) not in names]
    id_column = id_column_of([*names, *index_names], index_names)
    if id_column is None and not _is_plain_range(data.index):
        id_column = _INDEX

    def rows() -> Iterator[TableRow]:
        for number, cells in enumerate(zip(*columns, strict=True) if columns else ()):
            row = dict(zip(names, cells, strict=True))
            row.update(dict.fromkeys(index_names, index[number]))
            yield TableRow(number, row | {_INDEX: index[number]} if id_column == _INDEX else row)

    return RowStream([*names, *index_names], rows(), id_column)


def rows_of_columns(data: Mapping[Any, Any]) -> RowStream:
    """The rows of a dict of columns. Raises InvalidRequestError if the columns differ in length."""
    names = [str(name) for name in data]
    columns = [column.tolist() if hasattr(column, "tolist") else list(column) for column in data.values()]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in zip(names, columns, strict=True))
        raise InvalidRequestError(f"the columns differ in length: {lengths}", reason="UNREADABLE_LABELS")
    rows = (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True))
    return _of_rows(names, rows)


def series_pairs(data: Any) -> Iterator[tuple[str | None, Any]]:
    """Ids and cells of a series; an index that is a plain range gives no ids."""
    index = [None] * len(data) if _is_plain_range(data.index) else _index_cells(data.index)
    yield from zip(index, data.tolist(), strict=True)


def _of_rows(names: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> RowStream:
    numbered = (TableRow(number, row) for number, row in enumerate(rows))
    return RowStream(names, numbered, id_column_of(names))


def _index_cells(index: Any) -> list[Any]:
    """One value a row; the levels of an index of several are joined."""
    if index.nlevels == 1:
        return list(index.tolist())
    return ["/".join(id_text(level) or "" for level in levels) for levels in index.tolist()]


def _is_plain_range(index: Any) -> bool:
    """Whether an index only numbers the rows from 0 and has no name."""
    start, step = getattr(index, "start", None), getattr(index, "step", None)
    return index.names == [None] and (start, step) == (0, 1)
