"""Columns of candidates: the same from objects, packed bytes and compositions."""

import numpy as np
import pytest

from epitaxy_models.compositions import Composition
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.search import CandidateColumns
from epitaxy_models.search.features import N_PACKING, features
from epitaxy_models.structures.packed import pack_structures


@pytest.fixture(scope="module")
def structures():
    return [crystal.structure for crystal in bundled_crystals()[:40]]


def test_packed_bytes_and_objects_make_equal_columns(structures):
    of_objects = CandidateColumns.of_structures(structures)
    block = pack_structures(structures)
    of_bytes = CandidateColumns.of_packed(block.n_sites, block.lattices_angstrom, block.atomic_numbers)
    for name in ("atomic_numbers", "amounts", "offsets", "volumes", "n_sites"):
        np.testing.assert_array_equal(getattr(of_objects, name), getattr(of_bytes, name))


def test_columns_hold_counts_and_volumes(structures):
    columns = CandidateColumns.of_structures(structures)
    for row, structure in enumerate(structures):
        entries = slice(columns.offsets[row], columns.offsets[row + 1])
        numbers, counts = np.unique(structure.atomic_numbers, return_counts=True)
        np.testing.assert_array_equal(columns.atomic_numbers[entries], numbers)
        np.testing.assert_array_equal(columns.amounts[entries], counts)
        assert columns.volumes[row] == pytest.approx(structure.volume)
        assert columns.n_sites[row] == structure.n_sites


def test_compositions_have_the_features_of_crystals_but_for_their_packing(structures):
    compositions = [
        Composition.of(dict(zip(*np.unique(structure.atomic_numbers, return_counts=True), strict=True)))
        for structure in structures
    ]
    of_crystals = features(CandidateColumns.of_structures(structures))
    of_compositions = features(CandidateColumns.of_compositions(compositions))
    np.testing.assert_allclose(of_compositions[:, :-N_PACKING], of_crystals[:, :-N_PACKING], rtol=1e-4, atol=1e-4)
    assert not of_compositions[:, -N_PACKING:].any()
    assert of_crystals[:, -N_PACKING:].any()


def test_chosen_rows_and_pieces_are_the_candidates_themselves(structures):
    columns = CandidateColumns.of_structures(structures)
    whole = features(columns)
    chosen = np.array([7, 3, 3, 30])
    np.testing.assert_array_equal(features(columns.rows(chosen)), whole[chosen])
    np.testing.assert_array_equal(features(columns.piece(5, 12)), whole[5:12])


def test_no_candidates_are_no_rows():
    assert len(features(CandidateColumns.of_structures([]))) == 0


@pytest.mark.parametrize(
    ("n_sites", "lattices", "numbers", "problem"),
    [
        (b"\x01\0\0\0", bytes(72), b"\x0b\x11", "adds up to 1"),
        (b"\x01\0\0\0", bytes(71), b"\x0b", "lattices_angstrom 71"),
        (b"\x01\0\0", bytes(54), b"\x0b", "n_sites has 3 bytes"),
        (b"\x01\0\0\0", bytes(72), b"\0", "atomic numbers"),
        (b"\x01\0\0\0", bytes(72), b"\xff", "atomic numbers"),
    ],
)
def test_malformed_blocks_are_refused(n_sites, lattices, numbers, problem):
    with pytest.raises(InvalidMaterialError, match=problem) as caught:
        CandidateColumns.of_packed(n_sites, lattices, numbers)
    assert caught.value.reason == "MALFORMED_COLUMNS"
