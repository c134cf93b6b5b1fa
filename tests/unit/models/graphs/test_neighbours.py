"""Neighbours against pymatgen, and the smooth adaptive cutoff."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.graphs.neighbours import adaptive_neighbours, neighbours_within
from epitaxy_models.structures import Structure
from epitaxy_models.testing.equivalent_cells import displaced, random_basis, rebased
from epitaxy_models.testing.specimens import diamond, lone_atom, perovskite, rock_salt, specimens

RADIUS = 6.0

Edges = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]


def _ours(structure: Structure, radius: float) -> list[tuple[int, int, float]]:
    found = neighbours_within(structure.lattice, structure.frac_coords, radius)
    return sorted(zip(*(column.tolist() for column in found), strict=True))


def _pymatgens(structure: Structure, radius: float) -> list[tuple[int, int, float]]:
    from pymatgen.optimization.neighbors import find_points_in_spheres

    cart = np.ascontiguousarray(structure.cart_coords)
    periodic = np.ones(3, dtype=np.int64)
    lattice = np.ascontiguousarray(structure.lattice)
    centres, others, _, distances = find_points_in_spheres(cart, cart, radius, periodic, lattice, 1e-8)
    real = distances > 1e-8  # pymatgen counts each atom as its own neighbour
    return sorted(zip(*(column[real].tolist() for column in (centres, others, distances)), strict=True))


def _assert_same_pairs(structure: Structure, radius: float) -> None:
    # A pair on the sphere itself may fall on either side: step off it.
    while any(abs(distance - radius) < 1e-6 for *_, distance in _pymatgens(structure, radius + 1e-5)):
        radius += 1e-4
    ours, theirs = _ours(structure, radius), _pymatgens(structure, radius)
    assert len(ours) == len(theirs)
    by_pair = [sorted(pairs, key=lambda pair: (pair[0], pair[1], round(pair[2], 6))) for pairs in (ours, theirs)]
    assert [pair[:2] for pair in by_pair[0]] == [pair[:2] for pair in by_pair[1]]
    np.testing.assert_allclose([p[2] for p in by_pair[0]], [p[2] for p in by_pair[1]], rtol=0, atol=1e-6)


def _adaptive(structure: Structure) -> Edges:
    rule = DEFAULT_RULE
    found: Edges = adaptive_neighbours(structure.lattice, structure.frac_coords, rule.k, rule.reach, rule.radius_max)
    return found


def test_pairs_of_bundled_crystals_equal_pymatgens() -> None:
    for crystal in bundled_crystals()[::12]:
        _assert_same_pairs(crystal.structure, RADIUS)


def test_pairs_of_shared_crystals_equal_pymatgens(shared_structures: list[Structure]) -> None:
    for structure in shared_structures[:120]:
        _assert_same_pairs(structure, RADIUS)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.floats(-3, 3), min_size=3, max_size=3), min_size=3, max_size=3),
    n_sites=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    n_skews=st.integers(0, 5),
    radius=st.floats(1.0, 7.0),
)
def test_pairs_of_skewed_cells_equal_pymatgens(
    rows: list[list[float]], n_sites: int, seed: int, n_skews: int, radius: float
) -> None:
    lattice = np.array(rows) + 4 * np.eye(3)
    if abs(np.linalg.det(lattice)) < 15:
        return
    frac = np.random.default_rng(seed).random((n_sites, 3))
    compact = Structure(lattice, np.full(n_sites, 6, dtype=np.uint8), frac)
    _assert_same_pairs(rebased(compact, random_basis(seed, n_skews)), radius)


def test_pairs_are_found_beyond_the_first_guess_of_their_number() -> None:
    clustered = Structure(20 * np.eye(3), np.full(40, 6, np.uint8), np.random.default_rng(0).random((40, 3)) / 15)
    assert len(_ours(clustered, 4.0)) == 40 * 39


@pytest.mark.parametrize("name", specimens())
def test_cutoff_is_reach_times_the_distance_to_the_twelfth_neighbour(name: str) -> None:
    structure = specimens()[name]
    offsets, neighbours, distances, weights = _adaptive(structure)
    everything = neighbours_within(structure.lattice, structure.frac_coords, DEFAULT_RULE.radius_max)
    for atom in range(structure.n_sites):
        around = np.sort(everything[2][everything[0] == atom])
        twelfth = around[DEFAULT_RULE.k - 1] if len(around) >= DEFAULT_RULE.k else np.inf
        cutoff = min(DEFAULT_RULE.radius_max, DEFAULT_RULE.reach * twelfth)
        own = slice(offsets[atom], offsets[atom + 1])
        np.testing.assert_allclose(np.sort(distances[own]), around[around < cutoff], atol=1e-12)
        np.testing.assert_allclose(weights[own], (1 - (distances[own] / cutoff) ** 2) ** 2, atol=1e-12)
    assert len(neighbours) == offsets[-1]


@pytest.mark.parametrize(
    ("structure", "shells"), [(rock_salt(), [6, 12, 8]), (diamond(), [4, 12, 12]), (perovskite(), [12, 8])]
)
def test_shells_are_whole(structure: Structure, shells: list[int]) -> None:
    offsets, _, distances, _ = _adaptive(structure)
    around_first = np.round(distances[offsets[0] : offsets[1]], 6)
    _, counts = np.unique(around_first, return_counts=True)
    assert counts.tolist() == shells
    # Noise far below any bond length keeps the number of neighbours that count.
    for seed in range(5):
        noisy_offsets, _, _, weights = _adaptive(displaced(structure, 1e-5, seed))
        kept = weights[noisy_offsets[0] : noisy_offsets[1]] > 1e-6
        assert kept.sum() == counts.sum()


def test_weight_fades_to_nothing_before_an_edge_leaves() -> None:
    def weight_sum_and_smallest(gap: float) -> tuple[float, float]:
        """A chain of cells whose far neighbour leaves the sphere as the gap opens."""
        structure = Structure(np.diag([3.0, 3.0, gap]), np.array([29], np.uint8), np.zeros((1, 3)))
        *_, weights = _adaptive(structure)
        return float(weights.sum()), float(weights.min())

    gaps = np.linspace(3.0, 9.5, 2601)
    sums, smallest = np.array([weight_sum_and_smallest(gap) for gap in gaps]).T
    step = gaps[1] - gaps[0]
    assert np.abs(np.diff(sums)).max() < 8 * step, "the summed weight jumps"
    assert smallest.min() < 1e-4


def test_noise_moves_summed_weights_in_proportion() -> None:
    for structure in specimens().values():
        offsets, _, _, weights = _adaptive(structure)
        for amplitude in (1e-3, 1e-5, 1e-7):
            noisy_offsets, _, _, noisy = _adaptive(displaced(structure, amplitude, 3))
            for atom in range(structure.n_sites):
                before = weights[offsets[atom] : offsets[atom + 1]].sum()
                after = noisy[noisy_offsets[atom] : noisy_offsets[atom + 1]].sum()
                assert abs(after - before) < 60 * amplitude


def test_atom_alone_in_a_huge_box_has_no_edge() -> None:
    offsets, neighbours, distances, weights = _adaptive(lone_atom())
    assert offsets.tolist() == [0, 0]
    assert len(neighbours) == len(distances) == len(weights) == 0


def test_molecule_in_a_box_keeps_the_few_neighbours_it_has() -> None:
    frac = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + 0.74 / 40]])
    offsets, neighbours, distances, weights = _adaptive(Structure(40 * np.eye(3), np.array([1, 1], np.uint8), frac))
    assert offsets.tolist() == [0, 1, 2]
    assert neighbours.tolist() == [1, 0]
    np.testing.assert_allclose(distances, 0.74)
    np.testing.assert_allclose(weights, (1 - (0.74 / DEFAULT_RULE.radius_max) ** 2) ** 2)
