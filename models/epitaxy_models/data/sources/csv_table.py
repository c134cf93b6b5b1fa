"""CSV with a column of structures: CIF text most often, quoted over many lines."""

import csv
from collections.abc import Iterator
from pathlib import Path

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.opened import open_text
from epitaxy_models.data.sources.records import ColumnNames, ColumnRoles, ColumnScan
from epitaxy_models.errors import ConfigurationError

# The module's default of 128 kB is less than the CIF of a large cell.
_MAX_FIELD_BYTES = 16_000_000
_REST = "\0 more fields than names"


class CsvSource:
    """A CSV file with a header, read twice: once for its columns."""

    kind = "csv"

    def __init__(self, path: Path, names: ColumnNames) -> None:
        """Raises ConfigurationError (BAD_CSV, NO_STRUCTURE_COLUMN, UNKNOWN_COLUMN)."""
        self._path = path
        scan = ColumnScan(reads_text=True)
        for record in self._records():
            scan.see(record)
        self._roles = ColumnRoles.among(scan.names, names)
        self.columns: SourceColumns = scan.columns(self._roles.taken, self._roles.kind)
        self.n_rows: int | None = scan.n_records

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order."""
        for number, record in enumerate(self._records(), start=1):
            yield self._roles.row(record, number)

    def _records(self) -> Iterator[dict[str, str]]:
        csv.field_size_limit(_MAX_FIELD_BYTES)
        with open_text(self._path) as file:
            reader = csv.DictReader(file, restkey=_REST)
            try:
                for record in reader:
                    if _REST in record:
                        raise csv.Error("more fields than the header names")
                    # pandas writes its index as a column without a name.
                    yield {name: value for name, value in record.items() if name}
            except (csv.Error, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"{self._path.name}, line {reader.line_num}: {error}", reason="BAD_CSV"
                ) from error
