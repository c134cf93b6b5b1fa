"""The closest pair against a plain sum over many images."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import Structure, check_structure
from epitaxy_models.structures.cell import minkowski_reduced, plane_spacings
from epitaxy_models.structures.overlap import closest_pair_within

CUBE = 4.0 * np.eye(3)


def _closest_by_brute_force(lattice, frac_coords, n_images):
    offsets = np.array(list(product(range(-n_images, n_images + 1), repeat=3)))
    cartesian = (frac_coords[None, :, None] - frac_coords[:, None, None] + offsets) @ lattice
    distances = np.linalg.norm(cartesian, axis=-1)
    distances[distances < 1e-12] = np.inf
    return distances.min()


unimodular = st.lists(
    st.tuples(st.sampled_from([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]), st.integers(-2, 2)), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=3, max_size=3),
    skew=unimodular,
    n_sites=st.integers(2, 8),
    seed=st.integers(0, 1000),
    cutoff=st.floats(0.2, 1.5),
)
def test_closest_pair_is_right_in_any_cell(rows, skew, n_sites, seed, cutoff):
    compact = np.array(rows) + 3 * np.eye(3)
    lengths = np.linalg.norm(compact, axis=1)
    if abs(np.linalg.det(compact)) < 0.2 * lengths.prod() or lengths.min() < 1.5:
        return
    frac_coords = np.random.default_rng(seed).random((n_sites, 3))
    expected = _closest_by_brute_force(compact, frac_coords, 4)
    skewed = compact.copy()
    for (row, other), times in skew:
        skewed[row] += times * skewed[other]
    moved = frac_coords @ compact @ np.linalg.inv(skewed)
    found = closest_pair_within(skewed, moved - np.floor(moved), cutoff)
    shortest_vector = np.linalg.norm(minkowski_reduced(skewed), axis=1).min()
    if found is not None and found.first == found.second:
        assert found.distance == pytest.approx(shortest_vector)
        assert expected <= shortest_vector + 1e-9 < cutoff
    elif expected < cutoff:
        assert found is not None
        assert found.distance == pytest.approx(expected, abs=1e-7)
    else:
        assert found is None


def test_closest_pair_is_right_in_cells_thinner_than_twice_the_cutoff():
    # The nearest image of a fraction is not the nearest image in space here: 0.62 Angstrom against a cutoff of 0.6.
    lattice = np.array([[0.62, 0, 0], [0.31, 0.537, 0], [0.31, 0.179, 0.506]])
    for seed in range(200):
        frac_coords = np.random.default_rng(seed).random((2, 3))
        expected = _closest_by_brute_force(lattice, frac_coords, 2)
        assert closest_pair_within(lattice, frac_coords, 0.6).distance == pytest.approx(expected)


@pytest.mark.parametrize("n_sites", [64, 65, 400])
def test_large_cells_find_the_one_overlap_across_the_boundary(n_sites):
    side = int(np.ceil(n_sites ** (1 / 3)))
    grid = np.array(list(product(range(side), repeat=3)))[:n_sites] / side
    lattice = np.array([[2.5, 0, 0], [0.8, 2.5, 0], [0, -0.7, 2.5]]) * side
    assert closest_pair_within(lattice, grid, 0.5) is None
    grid[-1] = [1 - 0.1 / lattice[0, 0], 0.0, 0.0]
    first, second, distance = closest_pair_within(lattice, grid, 0.5)
    assert {first, second} == {0, n_sites - 1}
    assert distance == pytest.approx(0.1)


def test_an_atom_overlaps_its_own_image_in_a_skewed_cell():
    # (1, 0, 0) and (100, 0.3, 0) are long vectors, and 100 times the first from the second leaves 0.3 Angstrom.
    lattice = np.array([[1.0, 0, 0], [100, 0.3, 0], [0, 0, 5]])
    structure = Structure(lattice, np.array([26], np.uint8), np.zeros((1, 3)))
    with pytest.raises(InvalidStructureError, match=r"site 1 \(Fe\) and its own periodic image are 0\.300") as error:
        check_structure(structure)
    assert error.value.reason == "OVERLAPPING_ATOMS"


def test_a_skewed_cell_without_overlap_passes():
    skewed = np.array([[4.0, 0, 0], [40, 4, 0], [-80, 24, 4]])
    structure = Structure(skewed, np.array([26], np.uint8), np.zeros((1, 3)))
    assert check_structure(structure).structure is structure


def test_two_sites_nearer_than_the_limit_through_the_boundary_are_named():
    structure = Structure(CUBE, np.array([8, 26, 8], np.uint8), np.array([[0.01, 0, 0], [0.5, 0.5, 0.5], [0.95, 0, 0]]))
    with pytest.raises(InvalidStructureError, match=r"site 1 \(O\) and site 3 \(O\) are 0\.240 Angstrom apart"):
        check_structure(structure)


@settings(max_examples=60, deadline=None)
@given(unimodular, unimodular)
def test_reduction_keeps_the_lattice_and_opens_the_spacings(first, second):
    skewed = np.array([[3.0, 0, 0], [0.4, 3.5, 0], [1.1, -0.6, 4.1]])
    for (row, other), times in [*first, *second]:
        skewed[row] += times * skewed[other]
    reduced = minkowski_reduced(skewed)
    change = reduced @ np.linalg.inv(skewed)
    np.testing.assert_allclose(change, np.rint(change), atol=1e-6)
    assert abs(np.linalg.det(reduced)) == pytest.approx(abs(np.linalg.det(skewed)))
    assert min(plane_spacings(reduced)) > 0.7 * np.linalg.norm(reduced, axis=1).min()


@pytest.mark.parametrize("n_sites", [299, 301])
def test_all_pairs_and_the_tree_find_the_same_pair(n_sites):
    rng = np.random.default_rng(n_sites)
    coords = rng.random((n_sites, 3))
    coords[n_sites - 1] = (coords[7] + [1 - 0.001, 0.0, 0.001]) % 1.0
    found = closest_pair_within(30.0 * np.eye(3), coords, 0.6)
    assert (found.first, found.second) == (7, n_sites - 1)
    assert found.distance == pytest.approx(30.0 * 0.001 * 2**0.5)
