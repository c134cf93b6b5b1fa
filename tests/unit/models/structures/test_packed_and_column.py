import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import (
    Structure,
    pack_structures,
    structure_from_column,
    structure_to_column,
    unpack_structures,
)


def _random_structure(n_sites: int, seed: int) -> Structure:
    draw = np.random.default_rng(seed)
    return Structure(
        draw.normal(size=(3, 3)), draw.integers(1, 119, n_sites).astype(np.uint8), draw.random((n_sites, 3))
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2**32)), max_size=12))
def test_packed_blocks_read_back_bit_by_bit(shapes):
    structures = [_random_structure(*shape) for shape in shapes]
    unpacked = unpack_structures(*pack_structures(structures))
    assert [one.content_digest() for one in unpacked] == [one.content_digest() for one in structures]


def test_unpacked_structures_are_views_of_the_bytes():
    block = pack_structures([_random_structure(3, 1), _random_structure(2, 2)])
    second = unpack_structures(*block)[1]
    for array in (second.lattice, second.atomic_numbers, second.frac_coords):
        assert not array.flags.owndata
        assert not array.flags.writeable


@pytest.mark.parametrize(
    ("field", "content", "message"),
    [
        ("n_sites", b"123", "n_sites has 3 bytes, no multiple of 4"),
        ("n_sites", np.array([2, 9], "<u4").tobytes(), "atomic_numbers has 4 bytes and 11 sites take 11"),
        ("n_sites", np.full(2, 2**32 - 1, "<u4").tobytes(), "8589934590 sites take 8589934590"),
        ("lattices_angstrom", b"", "lattices_angstrom has 0 bytes and 2 structures take 144"),
        ("frac_coords", b"1234567", "frac_coords has 7 bytes and 4 sites take 96"),
    ],
)
def test_contradicting_lengths_are_refused(field, content, message):
    block = pack_structures([_random_structure(2, 1), _random_structure(2, 2)])._replace(**{field: content})
    with pytest.raises(InvalidStructureError, match=message) as error:
        unpack_structures(*block)
    assert error.value.reason == "MALFORMED_BLOCK"


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 20), st.integers(0, 2**32))
def test_the_column_reads_back_bit_by_bit(n_sites, seed):
    structure = _random_structure(n_sites, seed)
    text = structure_to_column(structure)
    for value in (text, json.loads(text)):
        assert structure_from_column(value).content_digest() == structure.content_digest()


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("{", "UNREADABLE", "no structure column"),
        ("[1]", "UNREADABLE", "no structure column"),
        ('{"lattice": [[1]], "species": [1], "frac": [[0, 0, 0]]}', "UNREADABLE", r"lattice \[1, 1\]"),
        ('{"lattice": 3, "species": [1]}', "UNREADABLE", "frac"),
        ('{"lattice": 3, "species": [1], "frac": [[0, 0]]}', "UNREADABLE", "no structure column"),
        (
            json.dumps({"lattice": np.eye(3).tolist(), "species": [300], "frac": [[0, 0, 0]]}),
            "UNKNOWN_ELEMENT",
            "300: give 1 to 118",
        ),
    ],
)
def test_a_broken_column_is_refused(text, reason, message):
    with pytest.raises(InvalidStructureError, match=message) as error:
        structure_from_column(text)
    assert error.value.reason == reason
