"""Counts and names the structures of a request; the only place that knows how packed blocks number theirs."""

from collections.abc import Iterator, Sequence

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.chassis.errors import InvalidRequestError

_BYTES_PER_COUNT = 4  # PackedStructures.n_sites: uint32


def count_structures(structures: Sequence[StructureInput]) -> int:
    """Number of structures, each of a packed block counted. Raises InvalidRequestError for a block of torn arrays."""
    return sum(
        _packed_count(structure.packed, index) if structure.HasField("packed") else 1
        for index, structure in enumerate(structures)
    )


def structure_ids(structures: Sequence[StructureInput]) -> list[str]:
    """The id of each structure, in order: ``<input id>/<index>`` in a packed block without ids of its own."""
    return [name for index, structure in enumerate(structures) for name in _ids(structure, index)]


def _ids(structure: StructureInput, index: int) -> Iterator[str]:
    if not structure.HasField("packed"):
        yield structure.id
        return
    n_structures = _packed_count(structure.packed, index)
    yield from structure.packed.ids or (f"{structure.id}/{position}" for position in range(n_structures))


def _packed_count(packed: PackedStructures, index: int) -> int:
    n_structures, remainder = divmod(len(packed.n_sites), _BYTES_PER_COUNT)
    if remainder:
        field = f"structures[{index}].packed.n_sites"
        raise InvalidRequestError.of_field(field, "is not a whole number of little-endian uint32 values")
    if packed.ids and len(packed.ids) != n_structures:
        field = f"structures[{index}].packed.ids"
        raise InvalidRequestError.of_field(field, f"has {len(packed.ids)} ids for {n_structures} structures")
    return n_structures
