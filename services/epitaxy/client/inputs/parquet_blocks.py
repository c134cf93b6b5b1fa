"""Parquet tables of crystals, a column at a time: lists of numbers as they are, JSON by Arrow's own reader.

Whatever is not plain arrays of numbers goes back to the reader of rows, which says what is wrong with it: a batch with
one such row as a whole. What both readers take, they read alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.blocks import CellBlock
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.elements import ATOMIC_NUMBERS
from epitaxy.client.inputs.item import Source
from epitaxy.client.inputs.json_text import load_json
from epitaxy.client.inputs.neighbours import NeighbourFiles
from epitaxy.client.inputs.rows import FRAC_NAMES, SPECIES_NAMES, ParquetTable, TableRow, open_parquet_table
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.tables import missing_column, read_row
from epitaxy.tables.ids import id_text

_BATCH_ROWS = 2048
_MOST_SITES = (MAX_STRUCTURE_BYTES - 72) // 25


class _NotPlainError(Exception):
    """A batch holds something other than plain arrays."""


def reads_blocks(file: StoredFile, columns: Columns) -> bool:
    """Whether a file is a Parquet table that is read a column at a time if its cells allow it."""
    has_more = columns.material is not None or columns.known or columns.conditions
    return file.name.lower().endswith(".parquet") and not has_more


def read_blocks(file: StoredFile, file_id: str, columns: Columns) -> Iterator[CellBlock | tuple[str, Source]]:
    """The rows of a Parquet table in order, as blocks, or one by one where they are not plain arrays.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a table of its kind.
    """
    table = open_parquet_table(file, columns.wanted)
    missing = missing_column(table.stream([]), columns)
    if missing is not None:
        yield file_id, missing
        return
    id_column = columns.id if columns.id is not None else table.id_column
    files = NeighbourFiles(file.folder) if file.folder is not None else None
    number = 0
    for batch in table.batches(_BATCH_ROWS):
        try:
            yield _block(batch, columns.structure, id_column, table, number, f"{file_id}/")
        except _NotPlainError:
            for row, cells in enumerate(batch.to_pylist()):
                yield read_row(TableRow(table.number(number + row), cells), columns, id_column, f"{file_id}/", files)
        number += batch.num_rows


def _block(
    batch: Any, structure: str, id_column: str | None, table: ParquetTable, number: int, prefix: str
) -> CellBlock:
    is_one_column = structure in batch.schema.names
    columns = (
        _fields_of(batch.column(structure)) if is_one_column else dict(zip(batch.schema.names, batch, strict=True))
    )
    lattices, species, fracs = _parts(columns, is_exact=is_one_column)
    ends = _ends(species)
    if not np.array_equal(ends, _ends(fracs)) or np.diff(ends, prepend=0).max(initial=0) > _MOST_SITES:
        raise _NotPlainError
    # What the reader of rows takes for a structure without atoms is for the server to refuse, by either way.
    return CellBlock(
        _ids(batch, id_column, table, number, prefix),
        ends,
        _triples(_values(lattices), [3] * batch.num_rows, lattices).reshape(-1, 9),
        _atomic_numbers(_values(species)),
        _triples(_values(fracs), None, fracs),
    )


def _fields_of(column: Any) -> Mapping[str, Any]:
    """The parts of a column of structures by name."""
    import pyarrow as pa  # noqa: PLC0415 - the client must load without pyarrow

    kind = column.type
    if column.null_count or not len(column):
        raise _NotPlainError
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = _parsed(column)
    elif not pa.types.is_struct(kind):
        raise _NotPlainError
    names = [column.type.field(place).name for place in range(column.type.num_fields)]
    return {name: column.field(name) for name in names}


def _parts(columns: Mapping[str, Any], *, is_exact: bool) -> tuple[Any, Any, Any]:
    """Lattices, species and coordinates: three lists; ``is_exact`` if there must be no other column."""
    species = [name for name in SPECIES_NAMES if name in columns]
    fracs = [name for name in FRAC_NAMES if name in columns]
    if len(species) != 1 or len(fracs) != 1 or "lattice" not in columns or (is_exact and len(columns) != 3):
        raise _NotPlainError
    return _plain_list(columns["lattice"]), _plain_list(columns[species[0]]), _plain_list(columns[fracs[0]])


def _parsed(column: Any) -> Any:
    """JSON texts as a struct of lists."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.json as pj  # noqa: PLC0415 - as above

    texts = column.to_pylist()
    rows = pa.list_(pa.list_(pa.float64()))
    content = "\n".join(texts).encode()
    parse = pj.ParseOptions(explicit_schema=pa.schema(_fields(texts[0], rows)), unexpected_field_behavior="error")
    try:
        reading = pj.ReadOptions(use_threads=False, block_size=len(content) + 1)
        table = pj.read_json(pa.BufferReader(content), reading, parse)
    except (pa.ArrowException, ValueError):
        raise _NotPlainError from None
    if table.num_rows != len(texts):
        raise _NotPlainError
    return table.to_struct_array().combine_chunks()


def _fields(text: str, rows: Any) -> list[tuple[str, Any]]:
    """The fields of the first document, of which all others must be."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    try:
        document = load_json(text)
        species_name = next(name for name in SPECIES_NAMES if name in document)
        frac_name = next(name for name in FRAC_NAMES if name in document)
        is_text = isinstance(document[species_name][0], str)
    except (ValueError, TypeError, KeyError, IndexError, StopIteration, RecursionError):
        raise _NotPlainError from None
    species = pa.list_(pa.string() if is_text else pa.int64())
    return [("lattice", rows), (species_name, species), (frac_name, rows)]


def _plain_list(column: Any) -> Any:
    """A list without nulls, in one piece."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    is_list = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    if not is_list or column.null_count:
        raise _NotPlainError
    return column


def _ends(column: Any) -> NDArray[np.int64]:
    offsets: NDArray[np.int64] = column.offsets.to_numpy().astype(np.int64)
    ends: NDArray[np.int64] = offsets[1:] - offsets[0]
    return ends


def _values(column: Any) -> Any:
    """What all lists hold together; a slice of a column holds its own alone."""
    return column.flatten()


def _triples(vectors: Any, lengths: list[int] | None, owner: Any) -> NDArray[np.float64]:
    """Vectors of three numbers, float64, shape ``[n_vectors, 3]``; ``lengths``: how many each row must have."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if lengths is not None and not np.array_equal(np.diff(_ends(owner), prepend=0), lengths):
        raise _NotPlainError
    if pa.types.is_fixed_size_list(vectors.type):
        if vectors.null_count or vectors.type.list_size != 3:
            raise _NotPlainError
    elif vectors.null_count or not np.array_equal(_ends(_plain_list(vectors)), 3 * np.arange(1, len(vectors) + 1)):
        raise _NotPlainError
    return _numbers(vectors.flatten()).astype(np.float64, copy=False).reshape(-1, 3)


def _atomic_numbers(species: Any) -> NDArray[np.uint8]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if pa.types.is_string(species.type) or pa.types.is_large_string(species.type):
        if species.null_count:
            raise _NotPlainError
        coded = species.dictionary_encode()
        known = [ATOMIC_NUMBERS.get(symbol, 0) for symbol in coded.dictionary.to_pylist()]
        # Isotopes and mixed sites go by rows, which say what is made of them.
        if not all(known) or not {"D", "T"}.isdisjoint(coded.dictionary.to_pylist()):
            raise _NotPlainError
        numbers: NDArray[np.uint8] = np.array(known, dtype=np.uint8)[coded.indices.to_numpy()]
        return numbers
    if not pa.types.is_integer(species.type):
        raise _NotPlainError
    values = _numbers(species)
    if values.min(initial=1) < 1 or values.max(initial=1) > 118:
        raise _NotPlainError
    return values.astype(np.uint8)


def _numbers(column: Any) -> NDArray[Any]:
    import pyarrow as pa  # noqa: PLC0415 - as above

    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if column.null_count or not is_number:
        raise _NotPlainError
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found


def _ids(batch: Any, id_column: str | None, table: ParquetTable, number: int, prefix: str) -> Sequence[str]:
    """The rows' own ids; their numbers where there are none."""
    cells = [None] * batch.num_rows if id_column is None else batch.column(id_column).to_pylist()
    return [id_text(cell) or f"{prefix}{table.number(number + row)}" for row, cell in enumerate(cells)]
