"""The table of a screening as a file: Parquet, CSV or JSON Lines by its ending, replaced only once complete."""

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from epitaxy.cli.terminal import usage_error
from epitaxy.client.screening.rows import COLUMNS, FLOAT_COLUMNS, Row

_ROWS_A_GROUP = 50_000


def can_write(path: Path) -> bool:
    """True if there is a writer for the file's ending."""
    return path.suffix.lower() in _WRITERS


def endings() -> str:
    """The endings that have a writer, as text for a message."""
    return ", ".join(_WRITERS)


def check_table_file(out: Path, otherwise: str = "") -> None:
    """Raises typer.Exit if the table could not be written there; ``otherwise`` says what else the name may be."""
    if not can_write(out):
        raise usage_error(f"--out {out}: the name of the file must end in {endings()}{otherwise}")
    check_parent(out)
    if out.is_dir():
        raise usage_error(f"--out {out} is a folder")


def check_parent(out: Path) -> None:
    """Raises typer.Exit if there is no folder to write into."""
    if not out.absolute().parent.is_dir():
        raise usage_error(f"--out {out}: the folder {out.parent} does not exist")


def write_table(path: Path, rows: Iterable[Row]) -> int:
    """Writes rows in the order of ``COLUMNS``, and returns their number. Replaces an old file only once complete."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        n_rows = _WRITERS[path.suffix.lower()](partial, iter(rows))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return n_rows


def _write_parquet(path: Path, rows: Iterator[Row]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - CSV and JSON Lines do not need it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    kinds = {"cache_hit": pa.bool_()} | {name: pa.float64() for name in FLOAT_COLUMNS}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    n_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            columns = zip(*group, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            n_rows += len(group)
    return n_rows


def _write_csv(path: Path, rows: Iterator[Row]) -> int:
    n_rows = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(row)
            n_rows += 1
    return n_rows


def _write_jsonl(path: Path, rows: Iterator[Row]) -> int:
    n_rows = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            record = {name: _json_value(value) for name, value in zip(COLUMNS, row, strict=True)}
            file.write(json.dumps(record) + "\n")
            n_rows += 1
    return n_rows


def _json_value(value: str | float | bool | None) -> str | float | bool | None:
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


_WRITERS: Mapping[str, Callable[[Path, Iterator[Row]], int]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
