"""JARVIS's dictionaries: fractional and Cartesian, and what cannot be read."""

from typing import Any

import numpy as np
import pytest

from epitaxy_models.data.sources.structure_value import read_structure_value
from epitaxy_models.errors import InvalidStructureError

ATOMS: dict[str, Any] = {
    "lattice_mat": [[0.0, 2.715, 2.715], [2.715, 0.0, 2.715], [2.715, 2.715, 0.0]],
    "coords": [[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]],
    "elements": ["Ga", "As"],
    "abc": [3.84, 3.84, 3.84],
    "angles": [60.0, 60.0, 60.0],
    "cartesian": False,
    "props": ["", ""],
}


def test_fractional_and_cartesian_coordinates_are_one_crystal() -> None:
    cartesian = ATOMS | {"cartesian": True, "coords": (np.array(ATOMS["coords"]) @ ATOMS["lattice_mat"]).tolist()}
    first, second = (read_structure_value(value).structure for value in (ATOMS, cartesian))
    assert first.reduced_formula == second.reduced_formula == "AsGa"
    np.testing.assert_allclose(first.frac_coords, second.frac_coords, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"elements": ["Ga", "Xx"]}, "Xx"),
        ({"elements": "GaAs"}, "elements is no list"),
        ({"coords": [[0, 0, 0]]}, r"coords has the shape \[1, 3\]"),
        ({"lattice_mat": [[1, 0, 0]]}, "lattice_mat has the shape"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidStructureError, match=message):
        read_structure_value(ATOMS | change)
