"""The labels of one job: each row's structure in the form in which it was given, and the values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.finetune.domain.spec import MIN_LABELS, FineTuneSpec, LearningTask
from epitaxy_models.errors import ConfigurationError, InvalidMaterialError, InvalidStructureError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import MaterialIntake, read_material
from epitaxy_models.structures import Intake, Structure, TextFormat, check_structure, read_single, structure_from_column
from epitaxy_models.transfer.conditions.condition import INVALID_CONDITION, Condition, Values
from epitaxy_models.transfer.labels.censoring import Side, Sides, sides_of
from epitaxy_models.transfer.labels.classes import class_obstacle
from epitaxy_models.transfer.labels.judging import constant_labels

COLUMN_JSON = "column"
"""Kind of a text that holds JSON of lattice, species and frac; the other kinds are those of ``TextFormat``."""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A table that the caller points to.

    Attributes:
        uri: ``file://`` or ``s3://``.
        structure_column: Name of the column of structures.
        id_column: Name of the column of row ids; empty: the ids are row numbers.
        censored_column: Name of the column that tells which labels are bounds; empty: only the cells tell.
        kind: What the column of structures holds.
        element_columns: Columns of elements instead, as ``ElementColumns.of`` reads them; empty: one column.
        task: What the labels of the target are.
    """

    uri: str
    structure_column: str = "structure"
    id_column: str = ""
    censored_column: str = ""
    kind: MaterialKind = MaterialKind.STRUCTURE
    element_columns: str = ""
    task: LearningTask = LearningTask.AUTO


@dataclass(frozen=True, slots=True)
class StoredLabels:
    """The labels of an earlier job of the same tenant, for a refit."""

    job_id: str


@dataclass(frozen=True, slots=True)
class StructureText:
    """One structure, or another material, as the text that was given; ``kind`` is a format or a ``MaterialKind``."""

    kind: str
    text: str


_MATERIAL_KINDS = frozenset({MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER})
StructureCell = StructureText | Structure
"""One structure as it was given: a text that is not yet read, or arrays that are not yet checked."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Rows of one job.

    Attributes:
        ids: Id of each row.
        cells: Structure of each row.
        values: Values by column, float64 ``[n_rows]``, NaN for a missing value.
        conditions: Conditions by column, ``[n_rows]``: float64 with NaN where unknown, or texts and None.
        sides: -1 for a value that is an upper bound, 1 for a lower one, by column, int8 ``[n_rows]``; columns without
            bounds are left out.
        is_boolean: Whether the cells of the target were truth values.
    """

    ids: Sequence[str]
    cells: Sequence[StructureCell]
    values: Mapping[str, NDArray[np.float64]]
    conditions: Mapping[str, Values] = field(default_factory=dict)
    sides: Mapping[str, Sides] = field(default_factory=dict)
    is_boolean: bool = False

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.cells):
            raise ValueError(f"{len(self.ids)} ids for {len(self.cells)} structures")
        for name, values in {**self.values, **self.conditions}.items():
            if len(values) != len(self.cells):
                raise InvalidRequestError(
                    f"column {name} has {len(values)} values for {len(self.cells)} structures: give one per structure, "
                    "NaN for a missing one",
                    reason="UNEVEN_LABELS",
                )

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.cells)

    def n_labels(self, column: str) -> int:
        """Number of rows with a value in a column."""
        return int(np.isfinite(self.values[column]).sum())

    @property
    def kinds(self) -> frozenset[MaterialKind]:
        """What the rows are; a job learns from rows of one kind."""
        return frozenset(_kind_of(cell) for cell in self.cells)

    def read_intakes(self) -> list[tuple[str, Intake | InvalidStructureError]]:
        """Each row's id with its structure, checked, and what reading took, or the reason why it has none."""
        return [(name, _outcome(cell)) for name, cell in zip(self.ids, self.cells, strict=True)]

    def read_materials(self) -> list[tuple[str, MaterialIntake | InvalidMaterialError]]:
        """The same of compositions, molecules and polymers."""
        return [(name, _material(cell)) for name, cell in zip(self.ids, self.cells, strict=True)]

    def read_structures(self) -> list[tuple[str, Structure | InvalidStructureError]]:
        """The same without what reading took."""
        return [(name, read.structure if isinstance(read, Intake) else read) for name, read in self.read_intakes()]


def check_labels(table: LabelTable, spec: FineTuneSpec) -> None:
    """Raises InvalidRequestError for a missing column, an infinite value, fewer than ten labels, or constant ones."""
    for name in spec.columns:
        if name not in table.values:
            raise InvalidRequestError(f"the labels have no column {name!r}", reason="NO_LABEL_COLUMN")
        for row in np.flatnonzero(np.isinf(table.values[name])).tolist():
            raise bad_label(table.ids[row], row, name, "an infinite value")
    if len(table.kinds) > 1:
        named = " and ".join(sorted(kind.value for kind in table.kinds))
        raise InvalidRequestError(f"the rows hold {named}s: send one kind of material a job", reason="MIXED_KINDS")
    _check_conditions(table, spec)
    for name in table.sides:
        if name != spec.target.name:
            raise InvalidRequestError(f"{name} holds bounds, and only the target may: give values", reason="NO_VALUE")
    n_labels = table.n_labels(spec.target.name)
    if n_labels < MIN_LABELS:
        raise InvalidRequestError(
            f"{n_labels} rows have a value of {spec.target.name}; at least {MIN_LABELS} are needed, 25 or more are "
            f"better: add {MIN_LABELS - n_labels}; until then screen with the base model: epitaxy finetune audit tells "
            "its error on the labels there are",
            reason="TOO_FEW_LABELS",
        )
    check_values(table, spec)


def _check_conditions(table: LabelTable, spec: FineTuneSpec) -> None:
    for condition in spec.conditions:
        if condition.name not in table.conditions:
            raise InvalidRequestError(f"the labels have no column {condition.name!r}", reason="NO_LABEL_COLUMN")
        values = table.conditions[condition.name]
        if condition.number_unit and values.dtype != np.float64:
            raise InvalidRequestError(
                f"condition {condition.name!r} holds texts, and its unit is {condition.unit}: give numbers, or no unit "
                "for a category",
                reason=INVALID_CONDITION,
            )
        try:
            Condition.learned(condition.name, values[np.isfinite(table.values[spec.target.name])])
        except ConfigurationError as error:
            raise InvalidRequestError(error.message, reason=error.reason) from error


def check_values(table: LabelTable, spec: FineTuneSpec) -> None:
    """Raises InvalidRequestError for labels that do not vary, or lack a class: no work finds anything in them."""
    values = table.values[spec.target.name]
    if spec.are_classes:
        _check_classes(table, spec)
        return
    # Bounds say nothing of how values vary.
    is_value = sides_of(table.sides.get(spec.target.name), len(values)) == Side.AT
    obstacle = constant_labels(values[is_value])
    if obstacle is not None:
        raise InvalidRequestError(obstacle.message, reason=obstacle.reason)


def _check_classes(table: LabelTable, spec: FineTuneSpec) -> None:
    name = spec.target.name
    values = table.values[name]
    if name in table.sides:
        raise InvalidRequestError(f"{name} holds bounds, and a class is 0 or 1: give classes", reason="NO_VALUE")
    for row in np.flatnonzero(np.isfinite(values) & (values != 0) & (values != 1)).tolist():
        place = f"row {row}" if table.ids[row] == str(row) else f"row {row} ({table.ids[row][:80]})"
        raise InvalidRequestError(
            f"{place}: {name} holds {values[row]:g}, and a class is 0 or 1: correct it, or learn numbers with the task "
            "REGRESSION",
            reason="NOT_A_CLASS",
        )
    obstacle = class_obstacle(values)
    if obstacle is not None:
        raise InvalidRequestError(obstacle.message, reason=obstacle.reason)


def bad_label(name: str, row: int, column: str, what: str) -> InvalidRequestError:
    """The error of one value."""
    place = f"row {row}" if name == str(row) else f"row {row} ({name[:80]})"
    return InvalidRequestError(
        f"{place}: {column} holds {what}, which is not a label: give a number, or leave the cell empty",
        reason="INVALID_LABEL",
    )


def _kind_of(cell: StructureCell) -> MaterialKind:
    is_material = isinstance(cell, StructureText) and cell.kind in _MATERIAL_KINDS
    return MaterialKind(cell.kind) if is_material and isinstance(cell, StructureText) else MaterialKind.STRUCTURE


def _material(cell: StructureCell) -> MaterialIntake | InvalidMaterialError:
    try:
        return read_material(_kind_of(cell), cell.text if isinstance(cell, StructureText) else "")
    except InvalidMaterialError as error:
        return error


def _outcome(cell: StructureCell) -> Intake | InvalidStructureError:
    try:
        return _read(cell)
    except InvalidStructureError as error:
        return error


def _read(cell: StructureCell) -> Intake:
    """The structure, checked. Raises InvalidStructureError."""
    if isinstance(cell, Structure):
        return check_structure(cell)
    if cell.kind == COLUMN_JSON:
        return check_structure(structure_from_column(cell.text))
    return read_single(cell.text, TextFormat(cell.kind))
