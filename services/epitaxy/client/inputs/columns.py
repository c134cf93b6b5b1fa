"""Which columns of a table are read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.inputs.conditions import ConditionColumn
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.tables.ids import ID_NAMES


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of tables of materials.

    Attributes:
        structure: Column of the structures.
        id: Column of the ids; None for ``id``, ``material_id`` and the like, or else a data frame's index.
        known: Columns of known values.
        conditions: Columns of conditions.
        material: Columns of compositions, molecules or polymers, which are then read instead of structures.
    """

    structure: str = STRUCTURE_COLUMN
    id: str | None = None
    known: tuple[str, ...] = ()
    conditions: tuple[ConditionColumn, ...] = ()
    material: MaterialColumn | None = None

    @classmethod
    def of(cls, structure: str | MaterialColumn, id_column: str | None, known: Sequence[str] = ()) -> "Columns":
        """The columns as a caller names them."""
        if isinstance(structure, MaterialColumn):
            return cls(structure.names[0], id_column or None, tuple(known), material=structure)
        return cls(structure, id_column or None, tuple(known))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that hold the materials."""
        return (self.structure,) if self.material is None else self.material.names

    @property
    def wanted(self) -> Collection[str]:
        """All columns that may be read."""
        conditions = (entry.column for entry in self.conditions)
        return {*self.inputs, *self.known, *conditions, *([self.id] if self.id is not None else ID_NAMES)}
