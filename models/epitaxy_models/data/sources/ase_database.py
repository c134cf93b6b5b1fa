"""ASE databases (SQLite or JSON): structures with their key-value pairs and calculated energies."""

import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.ase_structure import read_atoms
from epitaxy_models.data.sources.records import ColumnScan
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.intake import Intake

# Units that ASE itself fixes.
_CALCULATED = {"energy": "eV", "free_energy": "eV", "fermi_level": "eV"}
_ID_KEYS = ("material_id", "mp_id", "mpid", "jid", "uid", "name")


class AseDatabaseSource:
    """An ASE database, read twice: once for its keys."""

    kind = "ASE database"

    def __init__(self, path: Path, id_key: str | None = None) -> None:
        """Raises ConfigurationError (MISSING_PACKAGE, UNREADABLE_FILE)."""
        try:
            ase_db = importlib.import_module("ase.db")
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "ASE databases need ase: pip install 'epitaxy[data]'", reason="MISSING_PACKAGE"
            ) from error
        try:
            self._database = ase_db.connect(str(path))
            self.n_rows: int | None = self._database.count()
        except Exception as error:  # sqlite3 and ASE raise a dozen types, none documented
            raise ConfigurationError(f"{path} is no ASE database: {error}", reason="UNREADABLE_FILE") from error
        scan = ColumnScan(reads_text=False)
        for row in self._database.select(include_data=False):
            scan.see(_values(row))
        self._id_key = id_key or next((key for key in _ID_KEYS if key in scan.names), None)
        found = scan.columns(frozenset({self._id_key} if self._id_key else ()))
        self.columns: SourceColumns = SourceColumns(found.numeric, found.other, _CALCULATED)

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order of their number; a row without a name of its own is called by it."""
        # The data hold occupancies, if somebody kept them.
        for row in self._database.select():
            values = _values(row)
            row_id = values.pop(self._id_key, None) if self._id_key else None
            yield SourceRow(str(row.id) if row_id is None else str(row_id), partial(_read, row), values)


def _values(row: Any) -> dict[str, Any]:
    calculated = {name: row.get(name) for name in _CALCULATED if row.get(name) is not None}
    return {**row.key_value_pairs, **calculated}


def _read(row: Any) -> Intake:
    return read_atoms(row)
