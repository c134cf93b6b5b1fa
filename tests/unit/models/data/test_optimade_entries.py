from typing import Any

import pytest

from epitaxy_models.data.sources.optimade import OptimadeSource, read_attributes
from epitaxy_models.errors import InvalidStructureError

SALT: dict[str, Any] = {
    "lattice_vectors": [[0, 2.82, 2.82], [2.82, 0, 2.82], [2.82, 2.82, 0]],
    "cartesian_site_positions": [[0, 0, 0], [2.82, 2.82, 2.82]],
    "species_at_sites": ["Na1", "Cl"],
    "species": [
        {"name": "Na1", "chemical_symbols": ["Na"], "concentration": [1.0]},
        {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1.0]},
    ],
    "dimension_types": [1, 1, 1],
}


def test_an_ordered_entry_is_read() -> None:
    structure = read_attributes(SALT).structure
    assert structure.reduced_formula == "ClNa"
    assert structure.frac_coords[1] == pytest.approx([0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"species": [SALT["species"][0], {**SALT["species"][1], "concentration": [0.9]}]}, "one element a site"),
        ({"species": [SALT["species"][0], {"name": "Cl", "chemical_symbols": ["vacancy"]}]}, "one element a site"),
        ({"species": [SALT["species"][0]]}, "which species does not define"),
        ({"species": None}, "no list 'species'"),
        ({"species_at_sites": None}, "no species_at_sites"),
        ({"lattice_vectors": [[1, 0, 0], [0, 1, 0], None]}, "lattice_vectors"),
        ({"dimension_types": [1, 1, 0]}, "no crystal in three dimensions"),
        ({"cartesian_site_positions": [[0, 0, 0]]}, "cartesian_site_positions"),
    ],
)
def test_entries_that_are_no_ordered_crystal_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidStructureError, match=message):
        read_attributes(SALT | change)


def test_dotted_fields_reach_into_nested_attributes() -> None:
    entry = {"id": 7, "attributes": SALT | {"_mp_stability": {"gga_gga+u": {"e": -1.5}}, "_flat": 2}}
    fields = ("_mp_stability.gga_gga+u.e", "_flat", "_mp_stability.absent.e")
    (row,) = OptimadeSource(lambda: [entry], 1, fields, {}).rows()
    assert row.id == "7"
    assert list(row.labels.values()) == [-1.5, 2, None]
