"""Labels on their way to the server: structures, and a number or none for each in every column."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.finetune.tables import RowTable, read_rows
from epitaxy.client.inputs.files import kind_of, read_file
from epitaxy.client.inputs.item import InputItem, Source, Text, clean_id, refuse
from epitaxy.client.inputs.numbers import is_empty, read_number
from epitaxy.client.inputs.objects import own_id, read_object
from epitaxy.client.inputs.records import read_record
from epitaxy.client.results import ItemError
from epitaxy.client.screening.packing import pack_items

# What a gateway takes in one message by default, less room for what goes around the labels.
MAX_INLINE_BYTES = 15 << 20
_SHOWN_REFUSALS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Rows of one job.

    Attributes:
        items: One structure for each row; one that cannot be read has the reason in its place.
        values: Values by column, float64, shape ``[n_rows]``; NaN if a row has none.
    """

    items: tuple[InputItem, ...]
    values: Mapping[str, NDArray[np.float64]]

    @property
    def refused(self) -> list[tuple[InputItem, ItemError]]:
        """Rows whose structure cannot be read, with the reason."""
        return [(item, item.source) for item in self.items if isinstance(item.source, ItemError)]

    def without_refused(self) -> "Labels":
        """The rows that have a structure."""
        kept = [row for row, item in enumerate(self.items) if not isinstance(item.source, ItemError)]
        values = {name: column[kept] for name, column in self.values.items()}
        return Labels(tuple(self.items[row] for row in kept), values)

    def to_proto(self) -> finetune_pb2.InlineLabels:
        """The labels on the wire, structures packed. Raises InvalidRequestError for a bad row, or too many labels."""
        if self.refused:
            raise _bad_structures(self.refused)
        structures, _ = pack_items(self.items)
        columns = [finetune_pb2.LabelValues(column=name, values=column) for name, column in self.values.items()]
        message = finetune_pb2.InlineLabels(structures=structures, columns=columns)
        if message.ByteSize() > MAX_INLINE_BYTES:
            raise InvalidRequestError(
                f"the labels are {message.ByteSize() / 2**20:.0f} MiB and one message takes {MAX_INLINE_BYTES >> 20}: "
                "leave out rows without a label, or put the table where the server reads it and give its file:// or "
                "s3:// address",
                reason="LABELS_TOO_LARGE",
            )
        return message


def read_labels(
    data: Any,
    columns: Sequence[str],
    structure_column: str = STRUCTURE_COLUMN,
    id_column: str | None = None,
    *,
    needs_ids: bool = False,
) -> Labels:
    """The labels in a table, a folder, a data frame or plain rows (see ``read_rows``).

    Args:
        data: The table, folder, data frame or rows.
        columns: Names of the columns of values, the target first.
        structure_column: Column of the structures. A cell holds JSON of ``{"lattice", "species", "frac"}``,
            pymatgen's JSON, the text of a CIF, the name of a file beside the table, or an object of pymatgen or ase.
        id_column: Column of the rows' names; None: ``id``, ``material_id`` and the like, or the row's number.
        needs_ids: True to refuse a row without a name, instead of numbering it.

    Raises:
        InvalidRequestError: A column is missing, or a cell does not hold a number; names the row.
    """
    wanted = (*columns, *([id_column] if id_column else ()))
    table = read_rows(data, structure_column, wanted)
    for name in (structure_column, *wanted):
        if name not in table.names:
            raise _no_column(name, table.names)
    if needs_ids:
        _check_ids(table, id_column)
    ids = [_id_of(row, number, id_column) for number, row in enumerate(table.rows)]
    values = {name: _numbers(table, ids, name) for name in columns}
    items = [
        InputItem(row_id, number, _source(row.get(structure_column), row_id, table.folder))
        for number, (row_id, row) in enumerate(zip(ids, table.rows, strict=True))
    ]
    return Labels(tuple(items), values)


def labels_of(
    data: Any, columns: Sequence[str], structure_column: str, id_column: str | None, *, skip_refused: bool
) -> Labels | finetune_pb2.LabelFile:
    """Labels to send, or the address of a table for the server to read. Raises as ``read_labels``."""
    if is_address(data):
        return finetune_pb2.LabelFile(uri=data, structure_column=structure_column, id_column=id_column or "")
    labels = read_labels(data, columns, structure_column, id_column)
    return labels.without_refused() if skip_refused else labels


def is_address(data: object) -> bool:
    """True for the address of a table that the server is to read: ``s3://...``, ``file:///...``."""
    return isinstance(data, str) and "://" in data


def row_text(row_id: str, index: int) -> str:
    """How an error names a row."""
    return f"row {index}" if row_id == str(index) else f"row {index} ({row_id[:80]})"


def _check_ids(table: RowTable, id_column: str | None) -> None:
    for number, row in enumerate(table.rows):
        if is_empty(row.get(id_column) if id_column else own_id(row)):
            message = f"row {number} has no id: name the column of ids, and fill it"
            raise InvalidRequestError(message, reason="NO_ID")


def _id_of(row: Mapping[str, Any], number: int, id_column: str | None) -> str:
    found = row.get(id_column) if id_column else own_id(row)
    return str(number) if found in (None, "") else clean_id(found)


def _numbers(table: RowTable, ids: Sequence[str], column: str) -> NDArray[np.float64]:
    cells = (row.get(column) for row in table.rows)
    return np.array([_number(cell, ids[row], row, column) for row, cell in enumerate(cells)], dtype=np.float64)


def _number(cell: Any, row_id: str, row: int, column: str) -> float:
    try:
        return read_number(cell)
    except ValueError as error:
        message = f"{row_text(row_id, row)}: {column} holds {error}"
        raise InvalidRequestError(message, reason="INVALID_LABEL") from None


def _source(cell: Any, row_id: str, folder: Path | None) -> Source:
    if isinstance(cell, Path):
        return _of_file(cell, row_id)
    if isinstance(cell, str | bytes):
        text = cell if isinstance(cell, str) else cell.decode("utf-8", "replace")
        return _of_text(text, row_id, folder)
    if isinstance(cell, Mapping) or cell is None:
        return read_record(cell)
    # A data frame's empty cell is NaN or NA.
    return read_record(None) if is_empty(cell) else read_object(cell, row_id)[1]


def _of_text(text: str, row_id: str, folder: Path | None) -> Source:
    if not text.strip():
        return read_record(None)
    if text.lstrip().startswith(("{", "[")):
        return read_record(text)
    if "\n" in text.strip():
        return Text("cif", text)
    if folder is not None and kind_of(Path(text)) is not None:
        return _of_file(folder / text, row_id)
    return refuse("UNREADABLE", f"{text[:40]!r} is neither JSON, the text of a CIF, nor a structure file's name")


def _of_file(path: Path, row_id: str) -> Source:
    sources = [source for _, source in islice(read_file(path, row_id), 2)]
    return sources[0] if len(sources) == 1 else refuse("UNREADABLE", f"{path.name} holds several structures: give one")


def _bad_structures(refused: Sequence[tuple[InputItem, ItemError]]) -> InvalidRequestError:
    shown = "; ".join(f"{row_text(item.id, item.index)}: {error.message}" for item, error in _first(refused))
    more = f"; and {len(refused) - _SHOWN_REFUSALS} more" if len(refused) > _SHOWN_REFUSALS else ""
    message = f"{shown}{more}. Correct or drop these rows, or leave them out with skip_refused (--skip-refused)"
    return InvalidRequestError(message, reason="UNREADABLE_STRUCTURES")


def _first(refused: Sequence[tuple[InputItem, ItemError]]) -> Iterable[tuple[InputItem, ItemError]]:
    return refused[:_SHOWN_REFUSALS]


def _no_column(name: str, names: Sequence[str]) -> InvalidRequestError:
    found = ", ".join(names[:12]) or "none"
    return InvalidRequestError(f"the labels have no column {name!r}, only {found}: name one", reason="NO_LABEL_COLUMN")
