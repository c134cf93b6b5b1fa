"""Rows as mappings of column to value: what Parquet, JSON Lines, CSV and data frame exports have in common."""

import json
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.data.sources.material_value import AmountColumns, amounts_reader, material_reader
from epitaxy_models.data.sources.structure_value import reader_of
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind

Record = Mapping[str, Any]

_ID_NAMES = ("id", "material_id", "mp_id", "mpid", "jid", "task_id", "entry_id", "name")
_STRUCTURE_NAMES = ("structure", "cif", "structures", "cif_string", "cif_text", "poscar", "final_structure", "atoms")
_FORMULA_NAMES = ("formula", "reduced_formula", "formula_pretty", "pretty_formula", "composition")


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """A person's word on where id and material are; None leaves it to the usual names.

    Attributes:
        id: Column of row ids.
        material: Column of the materials.
        kind: What the materials are.
        amounts: Columns with the amount of one element each, in place of a column of compositions.
    """

    id: str | None = None
    material: str | None = None
    kind: MaterialKind = MaterialKind.STRUCTURE
    amounts: AmountColumns | None = None

    @staticmethod
    def of_kind(kind: str, row_id: str | None, material: str, amounts: AmountColumns | None) -> "ColumnNames":
        """Names for ``composition``, ``molecule`` or ``polymer``; ``material`` is empty where amounts are given."""
        return ColumnNames(row_id, material or None, MaterialKind(kind), amounts)


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which columns hold id, material and formula; rows of a table without ids are numbered."""

    material: str
    id: str | None
    formula: str | None
    kind: MaterialKind = MaterialKind.STRUCTURE
    amounts: AmountColumns | None = None

    @classmethod
    def among(cls, columns: Iterable[str], names: ColumnNames) -> "ColumnRoles":
        """Finds the roles by name. Raises ConfigurationError (NO_STRUCTURE_COLUMN, UNKNOWN_COLUMN)."""
        present = list(columns)
        of_elements = names.amounts.names if names.amounts else ()
        for named in (names.id, names.material, *of_elements):
            if named is not None and named not in present:
                raise ConfigurationError(
                    f"there is no column {named!r}; there are {', '.join(present) or 'none'}", reason="UNKNOWN_COLUMN"
                )
        if names.kind is not MaterialKind.STRUCTURE:
            own_id = names.id or _first(_ID_NAMES, [name for name in present if name != names.material])
            return cls(names.material or "", own_id, None, names.kind, names.amounts)
        structure = names.material or _first(_STRUCTURE_NAMES, present)
        if structure is None:
            raise ConfigurationError(
                f"no column is called {', '.join(_STRUCTURE_NAMES)}: name it with --structure-column, or "
                "the column of other materials with --smiles-column, --polymer-column, --composition-column or "
                f"--element-columns; there are {', '.join(present) or 'none'}",
                reason="NO_STRUCTURE_COLUMN",
            )
        return cls(structure, names.id or _first(_ID_NAMES, present), _first(_FORMULA_NAMES, present))

    @property
    def taken(self) -> frozenset[str]:
        """Columns that are no candidates for labels."""
        of_elements = self.amounts.names if self.amounts else ()
        return frozenset(name for name in (self.material, self.id, self.formula, *of_elements) if name)

    def row(self, record: Record, number: int) -> SourceRow:
        """The row of a record, the ``number``-th from 1."""
        found = record.get(self.id) if self.id else None
        row_id = f"row-{number}" if found is None or found == "" else str(found)
        labels = {column: value for column, value in record.items() if column not in self.taken}
        if self.amounts is not None:
            return SourceRow(row_id, amounts_reader(self.amounts, record), labels)
        material = record.get(self.material)
        if self.kind is not MaterialKind.STRUCTURE:
            return SourceRow(row_id, material_reader(self.kind, material), labels)
        formula = record.get(self.formula) if self.formula else None
        return SourceRow(row_id, reader_of(material), labels, formula if isinstance(formula, str) else None)


class ColumnScan:
    """Tells columns of numbers from others by their values: a column is numeric when every value is."""

    def __init__(self, *, reads_text: bool) -> None:
        """With ``reads_text``, text that spells a number is one (CSV has nothing else)."""
        self._reads_text = reads_text
        self._is_numeric: dict[str, bool | None] = {}  # None: nothing but missing values so far
        self.n_records = 0

    def see(self, record: Record) -> None:
        """Takes the values of a record into account."""
        self.n_records += 1
        for column, value in record.items():
            seen = self._is_numeric.setdefault(column, None)
            if seen is not False and not _is_missing(value):
                self._is_numeric[column] = self._reads(value)

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, in order of appearance."""
        return tuple(self._is_numeric)

    def columns(self, taken: frozenset[str], kind: MaterialKind = MaterialKind.STRUCTURE) -> SourceColumns:
        """Columns that are not taken, numbers apart from others."""
        free = [name for name in self._is_numeric if name not in taken]
        numeric = tuple(name for name in free if self._is_numeric[name])
        return SourceColumns(numeric, tuple(name for name in free if not self._is_numeric[name]), kind=kind)

    def _reads(self, value: object) -> bool:
        if isinstance(value, bool):
            return False
        if isinstance(value, numbers.Real):
            return True
        return self._reads_text and isinstance(value, str) and _spells_number(value)


def parse_json_record(line: str | bytes, where: str) -> dict[str, Any]:
    """The object on a line. Raises ConfigurationError (BAD_JSON) naming the place."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{where} is no JSON ({error}): the file may be cut off", reason="BAD_JSON") from error
    if not isinstance(record, dict):
        raise ConfigurationError(f"{where} is no JSON object", reason="BAD_JSON")
    return record


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _spells_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first(names: tuple[str, ...], present: list[str]) -> str | None:
    lower = {column.lower(): column for column in reversed(present)}
    return next((lower[name] for name in names if name in lower), None)
