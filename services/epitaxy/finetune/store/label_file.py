"""A label table as one Parquet file.

Structures keep the form in which they came: a text stays a text, packed arrays stay bytes. Older files have no columns
for arrays; all their structures are texts.
"""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from epitaxy.finetune.domain.label_table import LabelTable, StructureCell, StructureText
from epitaxy_models.structures import Structure, unpack_structures
from epitaxy_models.transfer.conditions.condition import Values

_COLUMNS_KEY = b"epitaxy.columns"
_CONDITIONS_KEY = b"epitaxy.conditions"
_SIDES_KEY = b"epitaxy.sides"
_PACKED = "packed"
# Arrays of a packed structure, as `PackedBlock` has them.
_ARRAYS = ("lattices_angstrom", "atomic_numbers", "frac_coords")


def encode_labels(table: LabelTable) -> bytes:
    """The file that `decode_labels` reads."""
    texts = [_PACKED_TEXT if isinstance(cell, Structure) else cell for cell in table.cells]
    arrays = [_array_bytes(cell) for cell in table.cells]
    columns: dict[str, pa.Array] = {
        "id": pa.array(table.ids, pa.string()),
        "kind": pa.array([text.kind for text in texts], pa.string()),
        "text": pa.array([text.text for text in texts], pa.string()),
        **{name: pa.array([row[at] for row in arrays], pa.binary()) for at, name in enumerate(_ARRAYS)},
        **{f"value{at}": pa.array(values, pa.float64()) for at, values in enumerate(table.values.values())},
    }
    metadata = {_COLUMNS_KEY: json.dumps(list(table.values))}
    if table.conditions:
        columns |= {f"condition{at}": _condition_array(values) for at, values in enumerate(table.conditions.values())}
        metadata[_CONDITIONS_KEY] = json.dumps(list(table.conditions))
    if table.sides:
        columns |= {f"side{at}": pa.array(sides, pa.int8()) for at, sides in enumerate(table.sides.values())}
        metadata[_SIDES_KEY] = json.dumps(list(table.sides))
    content = pa.table(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(content, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types


def decode_labels(content: bytes) -> LabelTable:
    """The table of a file, arrays as read-only views."""
    table = pyarrow.parquet.read_table(BytesIO(content), use_threads=False)
    columns = json.loads(table.schema.metadata[_COLUMNS_KEY])
    values = {name: np.asarray(table.column(f"value{at}").to_numpy(), np.float64) for at, name in enumerate(columns)}
    named = json.loads(table.schema.metadata.get(_CONDITIONS_KEY, b"[]"))
    conditions = {name: _condition_values(table.column(f"condition{at}")) for at, name in enumerate(named)}
    bounded = json.loads(table.schema.metadata.get(_SIDES_KEY, b"[]"))
    sides = {name: np.asarray(table.column(f"side{at}").to_numpy(), np.int8) for at, name in enumerate(bounded)}
    return LabelTable(table.column("id").to_pylist(), _cells(table), values, conditions, sides)


def _condition_array(values: Values) -> pa.Array:
    return pa.array(values, pa.float64()) if values.dtype == np.float64 else pa.array(values.tolist(), pa.string())


def _condition_values(column: Any) -> Values:
    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), np.float64)
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


_PACKED_TEXT = StructureText(_PACKED, "")


def _array_bytes(cell: StructureCell) -> tuple[bytes | None, ...]:
    if not isinstance(cell, Structure):
        return (None,) * len(_ARRAYS)
    return (
        cell.lattice.astype("<f8", copy=False).tobytes(),
        cell.atomic_numbers.tobytes(),
        cell.frac_coords.astype("<f8", copy=False).tobytes(),
    )


def _cells(table: Any) -> Sequence[StructureCell]:
    texts = map(StructureText, table.column("kind").to_pylist(), table.column("text").to_pylist())
    structures = iter(_structures(table))
    return [next(structures) if text.kind == _PACKED else text for text in texts]


def _structures(table: Any) -> Sequence[Structure]:
    """Structures of all packed rows, in order, from one block."""
    if _ARRAYS[0] not in table.column_names:
        return []
    lattices, numbers, coords = (table.column(name).drop_null().to_pylist() for name in _ARRAYS)
    n_sites = np.array([len(row) for row in numbers], dtype="<u4").tobytes()
    return unpack_structures(n_sites, *map(b"".join, (lattices, numbers, coords)))
