"""JSON Lines: an object a line, its structure nested or as text; gzip where the name ends in ``.gz``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.opened import open_bytes
from epitaxy_models.data.sources.records import ColumnNames, ColumnRoles, ColumnScan, parse_json_record


class JsonLinesSource:
    """A JSON Lines file, read twice: once for its columns."""

    kind = "jsonl"

    def __init__(self, path: Path, names: ColumnNames) -> None:
        """Raises ConfigurationError (BAD_JSON, NO_STRUCTURE_COLUMN, UNKNOWN_COLUMN)."""
        self._path = path
        scan = ColumnScan(reads_text=False)
        for record in self._records():
            scan.see(record)
        self._roles = ColumnRoles.among(scan.names, names)
        self.columns: SourceColumns = scan.columns(self._roles.taken, self._roles.kind)
        self.n_rows: int | None = scan.n_records

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order."""
        for number, record in enumerate(self._records(), start=1):
            yield self._roles.row(record, number)

    def _records(self) -> Iterator[dict[str, Any]]:
        with open_bytes(self._path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield parse_json_record(line, f"line {number} of {self._path.name}")
