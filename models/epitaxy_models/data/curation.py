"""Admission of rows: every material through intake, every label a finite number or null, every refusal counted."""

import math
import numbers
from collections import Counter
from dataclasses import dataclass

from epitaxy_models.data.label_plan import LabelPlan
from epitaxy_models.data.source_row import MaterialText, SourceRow
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.structures.dataset_column import structure_to_column
from epitaxy_models.structures.formula import check_formula, parse_formula
from epitaxy_models.structures.structure import Structure

DUPLICATE_ID = "DUPLICATE_ID"
INFINITE_LABEL = "INFINITE_LABEL"
LABEL_NOT_A_NUMBER = "LABEL_NOT_A_NUMBER"

_MISSING_TEXTS = frozenset({"", "nan", "none", "null", "na", "n/a"})


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row of the table; ``labels`` in the order of the plan, None if there is no value."""

    id: str
    formula: str
    material: str
    labels: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row left out, why, and what would help."""

    id: str
    reason: str
    message: str


class _LabelError(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Curation:
    """Admits the rows of one data set, in order."""

    def __init__(self, plan: LabelPlan) -> None:
        self._plan = plan
        self._ids: set[str] = set()
        self.n_read = 0
        self.n_kept = 0
        self.refused: Counter[str] = Counter()
        self.n_null: Counter[str] = Counter(dict.fromkeys(plan.labels.values(), 0))

    def admit(self, row: SourceRow) -> KeptRow | RefusedRow:
        """The row as the table holds it, or why it cannot."""
        self.n_read += 1
        try:
            kept = self._checked(row)
        except InvalidMaterialError as error:
            return self._refuse(row, str(error.reason), error.message)
        except _LabelError as error:
            return self._refuse(row, error.reason, str(error))
        self.n_kept += 1
        self._ids.add(row.id)
        for name, value in zip(self._plan.labels.values(), kept.labels, strict=True):
            self.n_null[name] += value is None
        return kept

    def _checked(self, row: SourceRow) -> KeptRow:
        if row.id and row.id in self._ids:
            raise _LabelError(DUPLICATE_ID, f"the id {row.id!r} was there before: ids must differ")
        labels = tuple(_label(column, row.labels.get(column)) for column in self._plan.labels)
        read = row.read()
        if isinstance(read, MaterialText):
            return KeptRow(row.id, read.group, read.key, labels)
        structure = read.structure
        _check_stated_formula(row.formula, structure)
        return KeptRow(row.id, structure.reduced_formula, structure_to_column(structure), labels)

    def _refuse(self, row: SourceRow, reason: str, message: str) -> RefusedRow:
        self.refused[reason] += 1
        return RefusedRow(row.id, reason, message)


def _check_stated_formula(stated: str | None, structure: Structure) -> None:
    """A formula that disagrees means that structures and rows are out of step."""
    if stated:
        check_formula(structure.atomic_numbers, parse_formula(stated), None)


def _label(column: str, value: object) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING_TEXTS):
        return None
    number = _number(column, value)
    if math.isinf(number):
        raise _LabelError(INFINITE_LABEL, f"{column} is {number}: labels must be finite")
    return None if math.isnan(number) else number


def _number(column: str, value: object) -> float:
    try:
        if isinstance(value, str | numbers.Real):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _LabelError(LABEL_NOT_A_NUMBER, f"{column} is {str(value)[:40]!r}: give a number")
