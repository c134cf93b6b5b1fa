"""Known values beside structures: each reaches its own item, torn columns are refused with their place."""

import struct

import numpy as np
import pytest

from epitaxy.api.common.v1.structure_pb2 import KnownColumn, PackedStructures, StructureInput
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction.intake.items import items_of


def packed(n, *columns):
    block = PackedStructures(
        n_sites=struct.pack(f"<{n}I", *[1] * n),
        lattices_angstrom=np.tile(4 * np.eye(3), (n, 1, 1)).tobytes(),
        atomic_numbers=bytes([11] * n),
        frac_coords=np.zeros((n, 3)).tobytes(),
        known_values=columns,
    )
    return StructureInput(id="block", packed=block)


def column(name, *values):
    return KnownColumn(name=name, values=np.array(values, dtype="<f8").tobytes())


def test_a_text_brings_its_values_along():
    [item] = items_of([StructureInput(id="a", cif="data_", known_values={"gap_pbe": 1.25})])
    assert item.known_values == {"gap_pbe": 1.25}


def test_each_structure_of_a_block_has_its_row_of_the_columns():
    plain = StructureInput(id="a", cif="data_")
    items = items_of([plain, packed(3, column("x", 1, 2, 3), column("y", 4, np.nan, 6)), plain])
    assert [item.known_values.get("x") for item in items] == [None, 1, 2, 3, None]
    assert np.isnan(items[2].known_values["y"])
    assert items[3].known_values == {"x": 3, "y": 6}


@pytest.mark.parametrize(
    "columns",
    [[column("x", 1)], [column("x", 1, 2, 3)], [KnownColumn(name="x", values=b"abc")], [column("x", 1, 2)] * 2],
)
def test_a_torn_or_doubled_column_is_refused_with_its_place(columns):
    with pytest.raises(InvalidRequestError, match=r"structures\[1\]\.packed\.known_values: column 'x'"):
        items_of([StructureInput(id="a", cif="data_"), packed(2, *columns)])


def test_a_block_whose_arrays_are_torn_is_refused_item_by_item():
    torn = packed(2, column("x", 1, 2))
    torn.packed.atomic_numbers = b""
    assert len(items_of([torn])) == 2
