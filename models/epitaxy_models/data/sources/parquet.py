"""Parquet: the ``structure`` column of these data sets, pymatgen dictionaries as JSON or nested, or CIF text."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.records import ColumnNames, ColumnRoles
from epitaxy_models.errors import ConfigurationError

_ROWS_A_BATCH = 1_000


class ParquetSource:
    """A Parquet file, read a batch at a time."""

    kind = "parquet"

    def __init__(self, path: Path, names: ColumnNames) -> None:
        """Raises ConfigurationError (UNREADABLE_FILE, NO_STRUCTURE_COLUMN, UNKNOWN_COLUMN)."""
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise ConfigurationError(f"{path} is no Parquet file: {error}", reason="UNREADABLE_FILE") from error
        self._schema = self._file.schema_arrow
        self._roles = ColumnRoles.among(self._schema.names, names)
        self.n_rows: int | None = self._file.metadata.num_rows

    @property
    def columns(self) -> SourceColumns:
        """Numeric columns by their Arrow type."""
        free = [field for field in self._schema if field.name not in self._roles.taken]
        numeric = tuple(field.name for field in free if _is_numeric(field.type))
        other = tuple(field.name for field in free if field.name not in numeric)
        return SourceColumns(numeric, other, kind=self._roles.kind)

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order."""
        number = 0
        for batch in self._file.iter_batches(_ROWS_A_BATCH):
            for record in batch.to_pylist():
                number += 1
                yield self._roles.row(record, number)


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))
