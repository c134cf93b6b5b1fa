"""Conditions beside structures: each reaches its own item, torn columns are refused with their place."""

import struct

import numpy as np
import pytest

from epitaxy.api.common.v1.structure_pb2 import ConditionColumn, ConditionValue, PackedStructures, StructureInput
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.prediction import domain
from epitaxy.prediction.intake.items import items_of


def packed(n, *columns):
    block = PackedStructures(
        n_sites=struct.pack(f"<{n}I", *[1] * n),
        lattices_angstrom=np.tile(4 * np.eye(3), (n, 1, 1)).tobytes(),
        atomic_numbers=bytes([11] * n),
        frac_coords=np.zeros((n, 3)).tobytes(),
        conditions=columns,
    )
    return StructureInput(id="block", packed=block)


def numbers(name, *values, unit=""):
    return ConditionColumn(name=name, unit=unit, numbers=np.array(values, dtype="<f8").tobytes())


def test_a_text_brings_its_conditions_along():
    given = {
        "t": ConditionValue(number=25.0, unit="degC"),
        "route": ConditionValue(category="flux"),
        "p": ConditionValue(unit="GPa"),
    }
    [item] = items_of([StructureInput(id="a", cif="data_", conditions=given)])
    assert item.conditions == {"t": domain.ConditionValue(25.0, "degC"), "route": domain.ConditionValue("flux")}


def test_each_structure_of_a_block_has_its_row_of_the_columns():
    route = ConditionColumn(name="route", categories=["flux", "", "melt"])
    items = items_of(
        [packed(3, numbers("t", 300, np.nan, np.nan), numbers("t", np.nan, np.nan, 25, unit="degC"), route)]
    )
    value = domain.ConditionValue
    assert items[0].conditions == {"t": value(300.0), "route": value("flux")}
    assert items[1].conditions == {}
    assert items[2].conditions == {"t": value(25.0, "degC"), "route": value("melt")}


@pytest.mark.parametrize(
    "columns",
    [
        [numbers("t", 1)],
        [ConditionColumn(name="t", numbers=b"abc")],
        [ConditionColumn(name="t", categories=["a", "b", "c"])],
        [numbers("t", 1, 2)] * 2,
    ],
)
def test_a_torn_or_doubled_column_is_refused_with_its_place(columns):
    with pytest.raises(InvalidRequestError, match=r"structures\[0\]\.packed\.conditions: condition 't'"):
        items_of([packed(2, *columns)])
