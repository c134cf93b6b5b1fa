"""The one Parquet schema of materials with labels: ``id``, ``formula``, the material, then labels named with units.

The column of the material is called ``structure``, ``smiles``, ``polymer`` or ``composition``. Of materials without a
crystal it holds the canonical key, and ``formula`` holds the key without stereochemistry, by which splits are made.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from epitaxy_models.data.curation import KeptRow, RefusedRow
from epitaxy_models.data.provenance import Provenance
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind

MATERIAL_COLUMNS = {
    MaterialKind.STRUCTURE: "structure",
    MaterialKind.MOLECULE: "smiles",
    MaterialKind.POLYMER: "polymer",
    MaterialKind.COMPOSITION: "composition",
}
_ROWS_A_GROUP = 5_000


class CrystalTableWriter:
    """Writes a table and, beside it, the refused rows; both appear whole at ``finish`` or not at all."""

    def __init__(self, path: Path, labels: Sequence[str], kind: MaterialKind = MaterialKind.STRUCTURE) -> None:
        self.path = path
        self.refused_path = path.with_name(f"{path.name}.refused.csv")
        self._partial = _partial(path)
        self._partial_refused = _partial(self.refused_path)
        fields = [(name, pa.string()) for name in id_columns(kind)] + [(name, pa.float64()) for name in labels]
        self._schema = pa.schema(fields)
        self._group: list[KeptRow] = []
        self._n_refused = 0
        self._refused_file: IO[str] | None = None

    def __enter__(self) -> "CrystalTableWriter":
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        self._refused_file = self._partial_refused.open("w", newline="", encoding="utf-8")
        self._refused = csv.writer(self._refused_file)
        self._refused.writerow(("id", "reason", "message"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._partial.unlink(missing_ok=True)
        self._partial_refused.unlink(missing_ok=True)

    def keep(self, row: KeptRow) -> None:
        """Adds a row."""
        self._group.append(row)
        if len(self._group) == _ROWS_A_GROUP:
            self._flush()

    def refuse(self, row: RefusedRow) -> None:
        """Adds a line to the refused rows."""
        self._n_refused += 1
        self._refused.writerow((row.id, row.reason, row.message))

    def finish(self, provenance: Provenance) -> None:
        """Puts the table in place with its provenance, and the refused rows where there are any."""
        self._flush()
        self._writer.add_key_value_metadata(provenance.to_metadata())
        self._close()
        self.publish_refused()
        with self._partial.open("rb+") as file:
            os.fsync(file.fileno())
        self._partial.replace(self.path)

    def publish_refused(self) -> None:
        """Puts the refused rows in place; those of an earlier run go where there are none now."""
        if self._refused_file is not None:
            self._refused_file.close()
        if self._n_refused:
            self._partial_refused.replace(self.refused_path)
        else:
            self.refused_path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._group:
            return
        rows = [(row.id, row.formula, row.material, *row.labels) for row in self._group]
        columns = zip(*rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._group.clear()

    def _close(self) -> None:
        self._writer.close()
        if self._refused_file is not None:
            self._refused_file.close()


def id_columns(kind: MaterialKind) -> tuple[str, str, str]:
    """The columns that are no labels."""
    return "id", "formula", MATERIAL_COLUMNS[kind]


def kind_of_table(file: pq.ParquetFile) -> MaterialKind:
    """What the materials of a table are."""
    names = set(file.schema_arrow.names)
    return next((kind for kind, column in MATERIAL_COLUMNS.items() if column in names), MaterialKind.STRUCTURE)


def open_table(path: Path) -> pq.ParquetFile:
    """The table as a Parquet file. Raises ConfigurationError (UNREADABLE_FILE, NOT_A_CRYSTAL_TABLE)."""
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"{path} is no Parquet file: {error}", reason="UNREADABLE_FILE") from error
    missing = [name for name in id_columns(kind_of_table(file)) if name not in file.schema_arrow.names]
    if missing:
        raise ConfigurationError(
            f"{path} has no column {', '.join(missing)}: make it with epitaxy data convert",
            reason="NOT_A_CRYSTAL_TABLE",
        )
    return file


def provenance_of(file: pq.ParquetFile) -> Provenance | None:
    """The record of a table, None if it has none. Raises ConfigurationError (DAMAGED_PROVENANCE)."""
    return Provenance.from_metadata(file.metadata.metadata)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.partial")
