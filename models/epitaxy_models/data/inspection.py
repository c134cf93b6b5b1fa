"""What a table holds: counts, elements, label ranges, duplicates and rows worth a second look."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from epitaxy_models.data.crystal_table import MATERIAL_COLUMNS, id_columns, kind_of_table, open_table, provenance_of
from epitaxy_models.data.label_statistics import LabelStatistics, statistics_of
from epitaxy_models.data.provenance import Provenance
from epitaxy_models.data.source_row import STRUCTURE_FACTS
from epitaxy_models.data.suspicion import SuspiciousRow, suspicious_geometry, suspicious_labels
from epitaxy_models.data.units import suffix_of
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.checks import check_structure
from epitaxy_models.structures.dataset_column import structure_from_column
from epitaxy_models.structures.elements import SYMBOLS, symbol_of

_ROWS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that share a key: ``n_rows`` rows in ``n_groups`` groups of two or more, the largest as examples."""

    n_groups: int
    n_rows: int
    examples: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The report on a table.

    Attributes:
        n_rows: Rows.
        kind: What the materials of the rows are.
        n_refused: Rows whose material intake refuses, by reason.
        elements: Rows that hold each element, by symbol, most frequent first.
        n_sites: Fewest, median and most sites of a cell; of other materials atoms but hydrogen, and of compositions
            elements.
        labels: Statistics by label column.
        other_columns: Columns that are no labels: without a unit in the name, no numbers, or facts of the structure.
        same_crystal: Rows whose materials are one, however they were written.
        same_formula: Rows that share a reduced formula, or a key without stereochemistry.
        suspicious: Rows worth a second look.
        provenance: The table's record, None if it has none.
    """

    n_rows: int
    kind: MaterialKind
    n_refused: Mapping[str, int]
    elements: Mapping[str, int]
    n_sites: tuple[int, float, int]
    labels: Mapping[str, LabelStatistics]
    other_columns: tuple[str, ...]
    same_crystal: Duplicates
    same_formula: Duplicates
    suspicious: tuple[SuspiciousRow, ...]
    provenance: Provenance | None

    @property
    def missing_elements(self) -> tuple[str, ...]:
        """Symbols of the elements up to plutonium that no row holds."""
        return tuple(symbol for symbol in SYMBOLS[:94] if symbol not in self.elements)


def inspect_table(path: Path, outlier_z: float = 10.0, on_row: Callable[[], None] = lambda: None) -> Inspection:
    """Reads every row, featurizes it for its key (about 0.3 ms each) and reports.

    Raises ConfigurationError (UNREADABLE_FILE, NOT_A_CRYSTAL_TABLE, DAMAGED_PROVENANCE).
    """
    file = open_table(path)
    kind = kind_of_table(file)
    survey = _Survey(kind)
    for row_id, formula, text in _identities(file, kind):
        survey.see(row_id, formula, text)
        on_row()
    taken = {*id_columns(kind), *MATERIAL_COLUMNS.values()}
    names = [field.name for field in file.schema_arrow if field.name not in taken]
    labels = {name: _values(file, name) for name in names if _is_label(file, name)}
    outliers = suspicious_labels(survey.ids, labels, outlier_z)
    return Inspection(
        n_rows=len(survey.ids),
        kind=kind,
        n_refused=dict(survey.refused),
        elements=dict(survey.elements.most_common()),
        n_sites=survey.site_range(),
        labels={name: statistics_of(values) for name, values in labels.items()},
        other_columns=tuple(name for name in names if name not in labels),
        same_crystal=_duplicates(survey.by_key),
        same_formula=_duplicates(survey.by_formula),
        suspicious=(*outliers, *survey.suspicious),
        provenance=provenance_of(file),
    )


class _Survey:
    """What one pass over the materials collects."""

    def __init__(self, kind: MaterialKind) -> None:
        self._see_material = self._see_crystal if kind is MaterialKind.STRUCTURE else partial(self._see_text, kind)
        self.ids: list[str] = []
        self.sites: list[int] = []
        self.elements: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.by_key: dict[bytes, list[str]] = defaultdict(list)
        self.by_formula: dict[str, list[str]] = defaultdict(list)
        self.suspicious: list[SuspiciousRow] = []

    def see(self, row_id: str, formula: str, text: str) -> None:
        self.ids.append(row_id)
        self.by_formula[formula].append(row_id)
        try:
            self._see_material(row_id, formula, text)
        except InvalidMaterialError as error:
            self.refused[str(error.reason)] += 1
            self.suspicious.append(SuspiciousRow(row_id, str(error.reason), error.message))

    def _see_text(self, kind: MaterialKind, row_id: str, group: str, text: str) -> None:
        from epitaxy_models.data.material_facts import facts_of  # noqa: PLC0415 - crystals need no RDKit

        facts = facts_of(kind, text)
        self.sites.append(facts.size)
        self.elements.update(facts.elements)
        self.by_key[facts.key.encode()].append(row_id)
        if group != facts.group:
            message = f"the formula column says {group}, the material is {facts.group}"
            self.suspicious.append(SuspiciousRow(row_id, "FORMULA_MISMATCH", message))

    def _see_crystal(self, row_id: str, formula: str, text: str) -> None:
        structure = check_structure(structure_from_column(text)).structure
        self.sites.append(structure.n_sites)
        self.elements.update(symbol_of(number) for number in set(structure.atomic_numbers.tolist()))
        self.by_key[build_graph(structure).key].append(row_id)
        if formula != structure.reduced_formula:
            message = f"the formula column says {formula}, the structure is {structure.reduced_formula}"
            self.suspicious.append(SuspiciousRow(row_id, "FORMULA_MISMATCH", message))
        self.suspicious.extend(suspicious_geometry(row_id, structure))

    def site_range(self) -> tuple[int, float, int]:
        if not self.sites:
            return 0, 0.0, 0
        return min(self.sites), float(np.median(self.sites)), max(self.sites)


def _identities(file: pq.ParquetFile, kind: MaterialKind) -> Iterator[tuple[str, str, str]]:
    wanted = list(id_columns(kind))
    for batch in file.iter_batches(_ROWS_A_BATCH, columns=wanted):
        columns = [batch.column(name).to_pylist() for name in wanted]
        for row_id, formula, text in zip(*columns, strict=True):
            yield str(row_id), str(formula), text or ""


def _is_label(file: pq.ParquetFile, name: str) -> bool:
    kind = file.schema_arrow.field(name).type
    has_unit = suffix_of(name) is not None and name not in STRUCTURE_FACTS
    return has_unit and bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _values(file: pq.ParquetFile, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    column = pc.cast(file.read([name]).column(name), pa.float64())
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _duplicates(groups: Mapping[bytes, list[str]] | Mapping[str, list[str]]) -> Duplicates:
    repeated = sorted((ids for ids in groups.values() if len(ids) > 1), key=len, reverse=True)
    examples = tuple(tuple(ids[:5]) for ids in repeated[:5])
    return Duplicates(len(repeated), sum(map(len, repeated)), examples)
