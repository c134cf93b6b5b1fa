import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.equivalent_cells import (
    displaced,
    permuted,
    random_basis,
    random_rotation,
    rebased,
    repeated,
    scaled,
    translated,
    turned,
)
from epitaxy_models.testing.specimens import perovskite, rock_salt, specimens
from epitaxy_models.transfer.descriptors import DESCRIPTOR_NAMES, describe


def crystal_of(seed: int) -> Structure:
    """One to six sites of any elements in a skewed cell, no two of them on top of each other."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 7))
    lattice = np.diag(generator.uniform(3.0, 7.0, 3)) + generator.uniform(-0.8, 0.8, (3, 3))
    # Sites in disjoint slabs of the cell, displaced within them.
    frac = generator.random((n, 3))
    frac[:, 2] = (np.arange(n) + 0.3 * generator.random(n)) / n
    return Structure(lattice, generator.integers(1, 104, n).astype(np.uint8), frac)


def graphite(interlayer: float) -> Structure:
    lattice = np.array([[2.46, 0.0, 0.0], [-1.23, 2.46 * np.sqrt(0.75), 0.0], [0.0, 0.0, 2 * interlayer]])
    frac = np.array([[0.0, 0.0, 0.25], [1 / 3, 2 / 3, 0.25], [0.0, 0.0, 0.75], [2 / 3, 1 / 3, 0.75]])
    return Structure(lattice, np.full(4, 6, dtype=np.uint8), frac)


def by_name(structure: Structure) -> dict[str, float]:
    return dict(zip(DESCRIPTOR_NAMES, describe([structure])[0].tolist(), strict=True))


def assert_same_description(structure: Structure, others: list[Structure]) -> None:
    first, *rest = describe([structure, *others])
    for row in rest:
        differing = np.abs(row - first) > 1e-7 * (1 + np.abs(first))
        assert not differing.any(), [DESCRIPTOR_NAMES[i] for i in np.flatnonzero(differing)]


def test_every_structure_has_a_row_of_named_finite_values() -> None:
    rows = describe(list(specimens().values()))
    assert rows.shape == (len(specimens()), len(DESCRIPTOR_NAMES))
    assert rows.dtype == np.float64
    assert np.isfinite(rows).all()
    assert len(set(DESCRIPTOR_NAMES)) == len(DESCRIPTOR_NAMES)


def test_no_structures_give_no_rows() -> None:
    assert describe([]).shape == (0, len(DESCRIPTOR_NAMES))


@pytest.mark.parametrize("spacing", [0.75, 1.0, 1.6, 8.0])
def test_every_element_is_described_at_any_spacing(spacing: float) -> None:
    cells = []
    for number in range(1, 119):
        numbers = np.array([number, 119 - number], dtype=np.uint8)
        cells.append(scaled(Structure(rock_salt().lattice, numbers, rock_salt().frac_coords), spacing))
    rows = describe(cells)
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() < 1e6


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_description_belongs_to_the_crystal_and_not_to_its_cell(crystal: int, change: int) -> None:
    structure, generator = crystal_of(crystal), np.random.default_rng(change)
    times = tuple(generator.integers(1, 3, 3).tolist())
    large = repeated(structure, times)
    others = [
        translated(structure, generator.random(3)),
        turned(structure, random_rotation(change, proper=change % 2 == 0)),
        permuted(structure, generator.permutation(structure.n_sites)),
        rebased(structure, random_basis(change)),
        turned(
            rebased(permuted(large, generator.permutation(large.n_sites)), random_basis(change)), random_rotation(1)
        ),
    ]
    assert_same_description(structure, others)


@pytest.mark.parametrize("name", specimens())
def test_symmetric_crystals_are_described_alike_in_all_their_cells(name: str) -> None:
    structure = specimens()[name]
    others = [repeated(structure, times) for times in ((2, 1, 1), (1, 3, 1), (2, 2, 2))]
    assert_same_description(structure, [*others, *(turned(other, random_rotation(5)) for other in others)])


@pytest.mark.parametrize("interlayer", [3.35, 12.0])
def test_layers_are_described_alike_in_all_their_cells(interlayer: float) -> None:
    structure = graphite(interlayer)
    others = [repeated(structure, (2, 2, 1)), rebased(structure, random_basis(8)), repeated(structure, (1, 1, 2))]
    assert_same_description(
        structure, [turned(translated(other, np.full(3, 0.41)), random_rotation(3)) for other in others]
    )


@pytest.mark.parametrize("name", [name for name in specimens() if name != "lone_atom"])
def test_the_description_is_continuous_where_symmetry_breaks(name: str) -> None:
    structure = specimens()[name]
    first, *rest = describe([structure, *(displaced(structure, 1e-6, seed) for seed in range(4))])
    for row in rest:
        np.testing.assert_allclose(row, first, rtol=1e-3, atol=1e-3)


def test_a_row_does_not_depend_on_the_others() -> None:
    structures = list(specimens().values())
    alone = np.concatenate([describe([structure]) for structure in structures])
    np.testing.assert_array_equal(describe(structures), alone)


def test_volume_density_and_packing_of_rock_salt_are_those_of_the_book() -> None:
    features = by_name(rock_salt())
    assert features["volume_per_atom"] == pytest.approx(5.640**3 / 8)
    assert features["density"] == pytest.approx(2.165, rel=5e-3)
    spheres = 4 / 3 * np.pi * (1.66**3 + 1.02**3)
    assert features["packing_fraction"] == pytest.approx(spheres / (5.640**3 / 4))


@pytest.mark.parametrize(("name", "number"), [("rock_salt", 6), ("diamond", 4), ("wurtzite", 4)])
def test_coordination_numbers_are_those_of_the_textbook(name: str, number: int) -> None:
    features = by_name(specimens()[name])
    assert features["min_coordination"] == pytest.approx(number, abs=0.3)
    assert features["max_coordination"] == pytest.approx(number, abs=0.3)


def test_oxygen_in_perovskite_holds_to_its_two_titanium_neighbours() -> None:
    assert by_name(perovskite())["min_coordination"] == pytest.approx(2, abs=0.2)


def test_bond_lengths_and_their_ratio_to_the_radii_follow_the_scale() -> None:
    features, larger = by_name(rock_salt()), by_name(scaled(rock_salt(), 1.1))
    assert features["mean_nearest_distance"] == pytest.approx(2.820)
    assert features["mean_nearest_stretch"] == pytest.approx(2.820 / (1.66 + 1.02))
    assert larger["mean_bond_length"] == pytest.approx(1.1 * features["mean_bond_length"], rel=1e-2)
    assert larger["mean_bond_strength"] < 0.6 * features["mean_bond_strength"]


def test_bonds_know_the_contrast_of_their_ends() -> None:
    features = by_name(rock_salt())
    # Pauling: Na 0.93, Cl 3.16; distant bonds between like ions take little from it.
    assert features["mean_electronegativity_contrast"] == pytest.approx(3.16 - 0.93, rel=0.02)
    assert features["mean_reduced_mass"] == pytest.approx(22.99 * 35.45 / (22.99 + 35.45), rel=0.02)
    assert by_name(specimens()["diamond"])["max_electronegativity_contrast"] == 0


def test_light_stiff_crystals_vibrate_faster_than_heavy_soft_ones() -> None:
    fast, slow = by_name(specimens()["diamond"]), by_name(rock_salt())
    for name in ("max_bond_frequency", "max_site_frequency", "mean_inverse_root_reduced_mass"):
        assert fast[name] > 1.5 * slow[name]


def test_bond_orders_of_octahedra_are_steinhardts() -> None:
    features = by_name(rock_salt())
    # Six bonds along the axes: Q4 = 0.764, Q6 = 0.354.
    assert features["mean_order_4"] == pytest.approx(0.7638**2, rel=0.01)
    assert features["mean_order_6"] == pytest.approx(0.3536**2, rel=0.05)


def test_a_centre_of_inversion_leaves_no_polarity() -> None:
    assert by_name(perovskite())["max_polarity"] == pytest.approx(0, abs=1e-9)
    shifted = perovskite()
    moved = shifted.frac_coords + np.array([[0, 0, 0], [0, 0, 0.03], *[[0, 0, 0]] * 3])
    assert by_name(Structure(shifted.lattice, shifted.atomic_numbers, moved))["max_polarity"] > 0.05


def test_cubic_crystals_have_isotropic_bonds_and_layers_have_none_across() -> None:
    cubic, layered = by_name(rock_salt()), by_name(graphite(3.35))
    assert cubic["bond_tensor_min"] == pytest.approx(1 / 3)
    assert cubic["bond_tensor_max"] == pytest.approx(1 / 3)
    assert layered["bond_tensor_min"] < 0.01


def test_layers_are_measured_whatever_lies_between_them() -> None:
    near, far = by_name(graphite(3.35)), by_name(graphite(12.0))
    bond = 2.46 / np.sqrt(3)
    for features in (near, far):
        assert features["layer_length"] == pytest.approx(bond - 2 * 0.76)
        assert features["area_per_atom"] == pytest.approx(2.46**2 * np.sqrt(0.75) / 2)
        assert features["layer_thickness"] == pytest.approx(0, abs=1e-9)
    assert near["framework_length"] == pytest.approx(3.35 - 2 * 0.76)
    assert far["framework_length"] == 3.0


def test_thick_layers_have_the_thickness_of_their_atoms() -> None:
    lattice = np.array([[3.16, 0.0, 0.0], [-1.58, 3.16 * np.sqrt(0.75), 0.0], [0.0, 0.0, 20.0]])
    frac = np.array([[0, 0, 0.95], [1 / 3, 2 / 3, 0.95 + 1.56 / 20 - 1], [1 / 3, 2 / 3, 0.95 - 1.56 / 20]])
    features = by_name(Structure(lattice, np.array([42, 16, 16], dtype=np.uint8), frac))
    assert features["layer_thickness"] == pytest.approx(2 * 1.56)
    assert features["layer_deviation"] == pytest.approx(2 * 1.56 / 3)
    assert features["area_per_atom"] == pytest.approx(3.16**2 * np.sqrt(0.75) / 3)


def test_a_chain_is_no_layer() -> None:
    cell = Structure(np.diag([2.3, 15.0, 15.0]), np.array([34], dtype=np.uint8), np.zeros((1, 3)))
    features = by_name(cell)
    assert features["chain_length"] == pytest.approx(2.3 - 2 * 1.2)
    assert features["layer_length"] == features["framework_length"] == 3.0


def test_a_lone_atom_is_described_without_neighbours() -> None:
    features = by_name(specimens()["lone_atom"])
    assert features["mean_coordination"] == 0
    assert features["mean_nearest_distance"] == pytest.approx(2 * 1.06 + 3.0)
    assert features["framework_length"] == 3.0
