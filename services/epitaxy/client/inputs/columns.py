"""Which columns of a table are read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.inputs.conditions import ConditionColumn
from epitaxy.tables.ids import ID_NAMES


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of tables of structures.

    Attributes:
        structure: Column of the structures.
        id: Column of the ids; None for ``id``, ``material_id`` and the like, or else a data frame's index.
        known: Columns of known values.
        conditions: Columns of conditions.
    """

    structure: str = STRUCTURE_COLUMN
    id: str | None = None
    known: tuple[str, ...] = ()
    conditions: tuple[ConditionColumn, ...] = ()

    @classmethod
    def of(cls, structure: str, id_column: str | None, known: Sequence[str]) -> "Columns":
        """The columns as a caller names them."""
        return cls(structure, id_column or None, tuple(known))

    @property
    def wanted(self) -> Collection[str]:
        """All columns that may be read."""
        conditions = (entry.column for entry in self.conditions)
        return {self.structure, *self.known, *conditions, *([self.id] if self.id is not None else ID_NAMES)}
