"""What a source hands over: one row at a time, its material not read yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.intake import Intake

# Columns that say again what the structure says: never labels, though they are numbers.
STRUCTURE_FACTS = frozenset(
    {
        *("index", "n_sites", "nsites", "natoms", "n_atoms", "num_atoms", "nelements", "n_elements"),
        *("spacegroup", "spacegroup_number", "space_group", "sgnum", "is_all_metal"),
        *("volume", "volume_A3", "min_dist_A", "density", "density_atomic"),
    }
)


@dataclass(frozen=True, slots=True)
class MaterialText:
    """A material without a crystal, as a table holds it.

    Attributes:
        group: Canonical key without stereochemistry: the group that splits keep together.
        key: Canonical key, which reads back.
    """

    group: str
    key: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One material of a source.

    Attributes:
        id: Its name there; rows of one data set have different ids.
        read: Reads the material. Raises InvalidMaterialError, and nothing else.
        labels: Values by source column, as the source holds them.
        formula: The formula that the source states beside the structure, to check it by.
    """

    id: str
    read: Callable[[], Intake | MaterialText]
    labels: Mapping[str, object]
    formula: str | None = None


@dataclass(frozen=True, slots=True)
class SourceColumns:
    """Columns of a source besides id, formula and material.

    Attributes:
        numeric: Those that hold numbers.
        other: Those that hold anything else.
        known_units: Unit suffix of columns whose source fixes the unit.
        are_chosen: True where each was asked for by name: none is passed over as a fact of the structure.
        kind: What the materials of the rows are.
    """

    numeric: tuple[str, ...]
    other: tuple[str, ...] = ()
    known_units: Mapping[str, str] | None = None
    are_chosen: bool = False
    kind: MaterialKind = MaterialKind.STRUCTURE


class Source(Protocol):
    """A data set somewhere, in its own format."""

    @property
    def kind(self) -> str:
        """Name of the format, for provenance."""

    @property
    def n_rows(self) -> int | None:
        """Number of rows, None where only reading tells."""

    @property
    def columns(self) -> SourceColumns:
        """Columns that may be labels."""

    def rows(self) -> Iterator[SourceRow]:
        """All rows, in order."""
