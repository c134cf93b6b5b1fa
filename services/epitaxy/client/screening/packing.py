"""From items to one message: neighbouring cells share one packed block, texts go as they are."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.client.inputs.blocks import InputBlock
from epitaxy.client.inputs.conditions import condition_messages, packed_conditions
from epitaxy.client.inputs.item import Cell, InputItem, Text

# The server takes ids of up to 1,024 characters; whose answer is whose does not depend on them.
_LONGEST_ID = 512


def pack_items(items: Sequence[InputItem]) -> tuple[list[structure_pb2.StructureInput], dict[str, InputItem]]:
    """The structures of one message, and whose answer each id on the wire is.

    Ids need not be unique in the input, so a repeated one carries a number on the wire.
    """
    by_wire_id: dict[str, InputItem] = {}
    for item in items:
        by_wire_id[_free_id(item, by_wire_id)] = item
    structures: list[structure_pb2.StructureInput] = []
    for kind, group in groupby(by_wire_id.items(), key=lambda pair: type(pair[1].source)):
        entries = list(group)
        structures.extend([_packed(entries)] if kind is Cell else _texts(entries))
    return structures, by_wire_id


def pack_block(block: InputBlock) -> tuple[structure_pb2.StructureInput, Sequence[str]]:
    """The same of crystals that are arrays already, with their ids on the wire, in order."""
    cells = block.cells
    names = _free_ids(block)
    packed = structure_pb2.PackedStructures(
        ids=names,
        n_sites=cells.n_sites.astype("<u4").tobytes(),
        lattices_angstrom=cells.lattices.astype("<f8", copy=False).tobytes(),
        atomic_numbers=cells.atomic_numbers.tobytes(),
        frac_coords=cells.frac_coords.astype("<f8", copy=False).tobytes(),
    )
    return structure_pb2.StructureInput(packed=packed), names


def _free_ids(block: InputBlock) -> Sequence[str]:
    ids = block.cells.ids
    if len(set(ids)) == len(ids) and max(map(len, ids)) <= _LONGEST_ID and all(ids):
        return ids
    taken: dict[str, InputItem] = {}
    for item in block.items():
        taken[_free_id(item, taken)] = item
    return list(taken)


def _free_id(item: InputItem, taken: dict[str, InputItem]) -> str:
    """The item's own id if it is free; else with the index, which is unique. A very long one stays here."""
    name = item.id if item.id and len(item.id) <= _LONGEST_ID else str(item.index)
    while name in taken:
        name = f"{name}#{item.index}"
    return name


def _packed(entries: Sequence[tuple[str, InputItem]]) -> structure_pb2.StructureInput:
    cells = [item.source for _, item in entries if isinstance(item.source, Cell)]
    block = structure_pb2.PackedStructures(
        ids=[wire_id for wire_id, _ in entries],
        n_sites=np.array([len(cell.atomic_numbers) for cell in cells], dtype="<u4").tobytes(),
        lattices_angstrom=_float64_bytes([cell.lattice for cell in cells]),
        atomic_numbers=b"".join([cell.atomic_numbers.tobytes() for cell in cells]),
        frac_coords=_float64_bytes([cell.frac_coords for cell in cells]),
        known_values=_known_columns(cells),
        conditions=packed_conditions([cell.conditions for cell in cells]),
    )
    return structure_pb2.StructureInput(packed=block)


def _float64_bytes(arrays: Sequence[NDArray[np.float64]]) -> bytes:
    return b"".join([array.astype("<f8", copy=False).tobytes() for array in arrays])


def _known_columns(cells: Sequence[Cell]) -> list[structure_pb2.KnownColumn]:
    if not any(cell.known_values for cell in cells):
        return []
    known = [dict(cell.known_values) for cell in cells]
    columns = []
    for name in dict.fromkeys(name for values in known for name in values):
        column = np.array([values.get(name, np.nan) for values in known], dtype="<f8")
        columns.append(structure_pb2.KnownColumn(name=name, values=column.tobytes()))
    return columns


def _texts(entries: Sequence[tuple[str, InputItem]]) -> Iterator[structure_pb2.StructureInput]:
    for wire_id, item in entries:
        if isinstance(item.source, Text):
            message = structure_pb2.StructureInput(
                id=wire_id,
                known_values=dict(item.source.known_values),
                conditions=condition_messages(item.source.conditions),
            )
            setattr(message, item.source.kind, item.source.content)
            yield message
