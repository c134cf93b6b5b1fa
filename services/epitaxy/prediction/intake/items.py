"""Items from structures on the wire: packed blocks are taken apart, known values go with their structures."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.prediction.domain import ConditionValue, Item, KnownValues, MaterialSource, Refusal, TextSource
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import Structure, TextFormat, unpack_structures

TEXT_FIELDS = {
    "cif": TextFormat.CIF,
    "poscar": TextFormat.POSCAR,
    "extxyz": TextFormat.EXTXYZ,
    "pymatgen_json": TextFormat.PYMATGEN_JSON,
}
"""Formats of the fields that hold the text of a structure."""
# Named like their kinds.
_MATERIAL_FIELDS = frozenset({MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER})


def items_of(structures: Sequence[structure_pb2.StructureInput]) -> list[Item]:
    """One item per structure of a block; a block that cannot be taken apart is refused item by item.

    Raises InvalidRequestError if a packed block's ids, known values or conditions are not one per structure.
    """
    ids = iter(structure_ids(structures))
    return [
        Item(next(ids), source, values, conditions)
        for position, structure in enumerate(structures)
        for source, values, conditions in zip(
            _sources(structure), _known_values(structure, position), _conditions(structure, position), strict=True
        )
    ]


def _sources(
    structure: structure_pb2.StructureInput,
) -> Iterator[TextSource | Structure | MaterialSource | Refusal]:
    kind = structure.WhichOneof("source")
    if kind is None:
        yield Refusal(
            "EMPTY_STRUCTURE",
            "the item has no material: fill packed, cif, poscar, extxyz, pymatgen_json, composition, molecule or "
            "polymer",
        )
    elif kind == "packed":
        yield from _unpacked(structure.packed)
    elif kind in _MATERIAL_FIELDS:
        yield MaterialSource(MaterialKind(kind), getattr(structure, kind))
    else:
        yield TextSource(TEXT_FIELDS[kind], getattr(structure, kind))


def _unpacked(packed: structure_pb2.PackedStructures) -> Iterator[TextSource | Structure | Refusal]:
    try:
        yield from unpack_structures(
            packed.n_sites, packed.lattices_angstrom, packed.atomic_numbers, packed.frac_coords
        )
    except InvalidStructureError as error:
        for _ in range(len(packed.n_sites) // 4):
            yield Refusal(error.reason, error.message)


def _known_values(structure: structure_pb2.StructureInput, position: int) -> Sequence[KnownValues]:
    if structure.WhichOneof("source") != "packed":
        return [dict(structure.known_values)]
    n_structures = len(structure.packed.n_sites) // 4
    columns = {}
    for column in structure.packed.known_values:
        if len(column.values) != 8 * n_structures or column.name in columns:
            raise InvalidRequestError.of_field(
                f"structures[{position}].packed.known_values",
                f"column {column.name[:80]!r} comes twice or has {len(column.values)} bytes, "
                f"which is not a float64 for each of {n_structures} structures",
            )
        columns[column.name] = np.frombuffer(column.values, dtype="<f8").tolist()
    return [{name: values[row] for name, values in columns.items()} for row in range(n_structures)]


def _conditions(structure: structure_pb2.StructureInput, position: int) -> Sequence[Mapping[str, ConditionValue]]:
    """Conditions of each structure; those without a value are left out."""
    if structure.WhichOneof("source") != "packed":
        given = {name: (value, value.WhichOneof("value")) for name, value in structure.conditions.items()}
        return [
            {name: ConditionValue(getattr(value, kind), value.unit) for name, (value, kind) in given.items() if kind}
        ]
    rows: list[dict[str, ConditionValue]] = [{} for _ in range(len(structure.packed.n_sites) // 4)]
    seen = set()
    for column in structure.packed.conditions:
        is_short = len(column.numbers) not in (0, 8 * len(rows)) or len(column.categories) not in (0, len(rows))
        if is_short or (column.name, column.unit) in seen:
            raise InvalidRequestError.of_field(
                f"structures[{position}].packed.conditions",
                f"condition {column.name[:80]!r} comes twice, or has not one value for each of {len(rows)} structures",
            )
        seen.add((column.name, column.unit))
        for row, value in enumerate(_column_values(column, len(rows))):
            if value is not None:
                rows[row][column.name] = ConditionValue(value, column.unit)
    return rows


def _column_values(column: structure_pb2.ConditionColumn, n_rows: int) -> Iterator[float | str | None]:
    numbers = np.frombuffer(column.numbers, dtype="<f8").tolist() or [math.nan] * n_rows
    categories = column.categories or [""] * n_rows
    for number, category in zip(numbers, categories, strict=True):
        yield category or (None if math.isnan(number) else number)
