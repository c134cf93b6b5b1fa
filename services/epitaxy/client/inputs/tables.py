"""Structures in tables: JSON Lines and Parquet, read row by row and batch by batch."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import Source, refuse, with_known_values
from epitaxy.client.inputs.json_text import load_json
from epitaxy.client.inputs.objects import ID_NAMES, own_id
from epitaxy.client.inputs.records import read_record

_BATCH_ROWS = 1024
# A longer line is not a row of structures: the file is of another kind.
_MAX_LINE_BYTES = 64 << 20


def read_jsonl(path: Path, file_id: str, known_columns: Sequence[str] = ()) -> Iterator[tuple[str, Source]]:
    """One structure a line, with the known values in these columns; blank lines are skipped."""
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(_MAX_LINE_BYTES), b"")):
            if line.strip():
                yield _read_line(line, f"{file_id}/{number}", known_columns)


def count_jsonl(path: Path) -> int:
    """Rows of a JSON Lines file."""
    with path.open("rb") as lines:
        return sum(1 for line in iter(lambda: lines.readline(_MAX_LINE_BYTES), b"") if line.strip())


def read_parquet(path: Path, file_id: str, known_columns: Sequence[str] = ()) -> Iterator[tuple[str, Source]]:
    """One structure a row of the ``structure`` column, with the known values in these columns.

    A file without one of the columns is refused as a whole.
    """
    table = open_parquet(path)
    names: Sequence[str] = table.schema_arrow.names
    if STRUCTURE_COLUMN not in names:
        message = f"no column {STRUCTURE_COLUMN!r}, only {', '.join(names[:12])}; rename the one with the structures"
        yield file_id, refuse("NO_STRUCTURE_COLUMN", message)
        return
    missing = [name for name in known_columns if name not in names]
    if missing:
        message = f"no column {missing[0]!r}, only {', '.join(names[:12])}; name one that the file has"
        yield file_id, refuse("NO_KNOWN_COLUMN", message)
        return
    id_column = next((name for name in ID_NAMES if name in names), None)
    columns = [STRUCTURE_COLUMN, *([id_column] if id_column else []), *known_columns]
    yield from _read_rows(table, list(dict.fromkeys(columns)), known_columns, file_id)


def count_parquet(path: Path) -> int:
    """Structures that ``read_parquet`` yields; reads the file's footer only."""
    table = open_parquet(path)
    return int(table.metadata.num_rows) if STRUCTURE_COLUMN in table.schema_arrow.names else 1


def open_parquet(path: Path) -> Any:
    """The file, of which nothing but the footer is read yet. Raises InvalidRequestError without pyarrow."""
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 - the client must load without pyarrow
    except ImportError as error:
        raise InvalidRequestError(
            "Parquet needs pyarrow: pip install 'epitaxy[client]'", reason="PYARROW_MISSING"
        ) from error
    # Without pre-buffering, a file of one huge row group is read page by page.
    return pq.ParquetFile(path, pre_buffer=False)


def _read_rows(
    table: Any, columns: list[str], known_columns: Sequence[str], file_id: str
) -> Iterator[tuple[str, Source]]:
    number = 0
    for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
        for row in batch.to_pylist():
            known = {name: row[name] for name in known_columns}
            source = with_known_values(read_record(row[STRUCTURE_COLUMN]), known)
            yield own_id(row) or f"{file_id}/{number}", source
            number += 1


def _read_line(line: bytes, default_id: str, known_columns: Sequence[str]) -> tuple[str, Source]:
    try:
        row = load_json(line)
    except UnicodeDecodeError:
        return default_id, refuse("NOT_UTF8", "the row is not UTF-8; convert the file with iconv")
    except (ValueError, RecursionError) as error:
        return default_id, refuse("UNREADABLE", f"the row is not valid JSON: {error}")
    if not isinstance(row, Mapping):
        return default_id, refuse("UNREADABLE", f"the row is a {type(row).__name__}, not an object")
    source = read_record(row.get(STRUCTURE_COLUMN, row))
    return own_id(row) or default_id, with_known_values(source, {name: row.get(name) for name in known_columns})
