"""Data frames of matminer and Matbench by their JSON export: ``{"index": [...], "columns": [...], "data": [...]}``.

Frames are also passed around as pickles, which execute code when they are opened; those are refused.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.opened import open_bytes
from epitaxy_models.data.sources.records import ColumnNames, ColumnRoles, ColumnScan
from epitaxy_models.errors import ConfigurationError

_FORM = '{"index": [...], "columns": [...], "data": [[...], ...]}'


class DataFrameSource:
    """A data frame exported with ``orient="split"``; held in memory, as its one JSON object demands."""

    kind = "data frame JSON"

    def __init__(self, path: Path, names: ColumnNames) -> None:
        """Raises ConfigurationError (BAD_JSON, NO_STRUCTURE_COLUMN, UNKNOWN_COLUMN)."""
        document = _load(path)
        self._names: list[str] = [str(name) for name in document["columns"]]
        self._index: list[Any] = document.get("index") or list(range(len(document["data"])))
        self._data: list[list[Any]] = document["data"]
        _check_shape(path, self._names, self._index, self._data)
        scan = ColumnScan(reads_text=False)
        for record in self._records():
            scan.see(record)
        self._roles = ColumnRoles.among(self._names, names)
        taken, kind = self._roles.taken, self._roles.kind
        self.columns: SourceColumns = scan.columns(taken, kind) if self._data else SourceColumns((), kind=kind)
        self.n_rows: int | None = len(self._data)

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order; the index names those that no column does."""
        for number, record in enumerate(self._records(), start=1):
            row = self._roles.row(record, number)
            index = self._index[number - 1]
            yield row if self._roles.id else SourceRow(str(index), row.read, row.labels, row.formula)

    def _records(self) -> Iterator[dict[str, Any]]:
        for values in self._data:
            yield dict(zip(self._names, values, strict=True))


def _load(path: Path) -> dict[str, Any]:
    try:
        with open_bytes(path) as file:
            document = json.load(file)
    except (ValueError, EOFError, gzip.BadGzipFile, RecursionError) as error:
        raise ConfigurationError(
            f"{path.name} is no JSON ({error}): the file may be cut off", reason="BAD_JSON"
        ) from error
    if not isinstance(document, dict) or not {"columns", "data"} <= document.keys():
        raise ConfigurationError(
            f'{path.name} is no data frame {_FORM}: export it with to_json(orient="split")', reason="BAD_JSON"
        )
    return document


def _check_shape(path: Path, names: list[str], index: list[Any], data: list[list[Any]]) -> None:
    for number, values in enumerate(data, start=1):
        if not isinstance(values, list) or len(values) != len(names):
            raise ConfigurationError(f"row {number} of {path.name} has not the {len(names)} columns", reason="BAD_JSON")
    if len(index) != len(data):
        raise ConfigurationError(f"{path.name} has {len(index)} index entries for {len(data)} rows", reason="BAD_JSON")
