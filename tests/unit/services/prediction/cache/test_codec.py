"""An entry that was damaged anywhere, in any way, is a miss."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prediction_rig import rock_salt

from epitaxy.prediction.cache.codec import (
    decode_accepted,
    decode_embedding,
    decode_graph_key,
    decode_reading,
    encode_accepted,
    encode_embedding,
    encode_graph_key,
    encode_reading,
)
from epitaxy.prediction.domain import Accepted
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.ensembles.readout import Reading
from epitaxy_models.structures import Note, Repair

ANY_SPEED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
KEY, OTHER_KEY = b"k" * 16, b"o" * 16
SHAPE = (5, 12)
EMBEDDING = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
ENTRY = encode_embedding(KEY, EMBEDDING)
DIGEST = b"d" * 16
GRAPH_KEY_ENTRY = encode_graph_key(DIGEST, KEY)


def flipped(entry, bit):
    damaged = bytearray(entry)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_an_embedding_survives_to_the_last_bit():
    special = EMBEDDING.copy()
    special[0, :3] = [np.float32(1e-45), -0.0, np.finfo(np.float32).max]
    decoded = decode_embedding(KEY, encode_embedding(KEY, special), SHAPE)
    assert decoded.tobytes() == special.tobytes()
    assert decoded.dtype == np.float32


def test_the_form_of_an_embedding_does_not_depend_on_its_memory():
    wide = np.zeros((5, 24), dtype=np.float64)
    wide[:, ::2] = EMBEDDING
    assert encode_embedding(KEY, wide[:, ::2]) == ENTRY


@ANY_SPEED
@given(st.integers(0, 8 * len(ENTRY) - 1))
def test_a_flipped_bit_is_a_miss(bit):
    assert decode_embedding(KEY, flipped(ENTRY, bit), SHAPE) is None


@ANY_SPEED
@given(st.integers(0, len(ENTRY) - 1))
def test_a_torn_embedding_is_a_miss(length):
    assert decode_embedding(KEY, ENTRY[:length], SHAPE) is None


@pytest.mark.parametrize("shape", [(12, 5), (5, 13), (4, 12), (1, 60)])
def test_an_embedding_of_another_shape_is_a_miss(shape):
    assert decode_embedding(KEY, ENTRY, shape) is None


@ANY_SPEED
@given(st.binary(max_size=2 * len(ENTRY)))
def test_foreign_bytes_are_a_miss(entry):
    assert decode_embedding(KEY, entry, SHAPE) is None
    assert decode_graph_key(DIGEST, entry) is None


def test_the_embedding_of_another_crystal_is_a_miss():
    assert decode_embedding(OTHER_KEY, ENTRY, SHAPE) is None


def test_a_graph_key_comes_back_for_its_own_structure_only():
    assert decode_graph_key(DIGEST, GRAPH_KEY_ENTRY) == KEY
    assert decode_graph_key(b"e" * 16, GRAPH_KEY_ENTRY) is None


@ANY_SPEED
@given(st.integers(0, 8 * len(GRAPH_KEY_ENTRY) - 1))
def test_a_graph_key_with_a_flipped_bit_is_a_miss(bit):
    assert decode_graph_key(DIGEST, flipped(GRAPH_KEY_ENTRY, bit)) is None


@pytest.mark.parametrize("length", range(len(GRAPH_KEY_ENTRY)))
def test_a_torn_graph_key_is_a_miss(length):
    assert decode_graph_key(DIGEST, GRAPH_KEY_ENTRY[:length]) is None


READING = Reading(
    np.random.default_rng(1).normal(size=(3, 4)), DomainScore(0.25, DomainVerdict.BORDERLINE, "far from Å, 7 %"), 3
)
READING_ENTRY = encode_reading(DIGEST, READING)
ACCEPTED = Accepted(
    rock_salt(),
    (Repair("ASSUMED_P1", "says nothing of symmetry"),),
    rock_salt().content_digest(),
    (Note("DROPPED_MAGNETISM", "moments were dropped"), Note("CHOSEN_SETTING", "origin 2")),
)
ACCEPTED_ENTRY = encode_accepted(DIGEST, ACCEPTED)


def test_a_reading_survives_to_the_last_bit():
    decoded = decode_reading(DIGEST, READING_ENTRY, 4)
    assert decoded.spread.tobytes() == READING.spread.tobytes()
    assert decoded.domain == READING.domain
    assert decoded.n_elements == READING.n_elements == 3


def test_an_accepted_text_survives_to_the_last_bit_and_is_read_by_the_kernels_that_are_there():
    decoded = decode_accepted(DIGEST, ACCEPTED_ENTRY)
    assert (decoded.digest, decoded.repairs, decoded.notes) == (ACCEPTED.digest, ACCEPTED.repairs, ACCEPTED.notes)
    for name in ("lattice", "atomic_numbers", "frac_coords"):
        array = getattr(decoded.structure, name)
        assert array.flags.aligned, "a kernel would be compiled anew"
        np.testing.assert_array_equal(array, getattr(ACCEPTED.structure, name))
        assert array.dtype == getattr(ACCEPTED.structure, name).dtype
    plain = decode_accepted(DIGEST, encode_accepted(DIGEST, replace(ACCEPTED, repairs=(), notes=())))
    assert (plain.repairs, plain.notes) == ((), ())
    noted = decode_accepted(DIGEST, encode_accepted(DIGEST, replace(ACCEPTED, repairs=())))
    assert (noted.repairs, noted.notes) == ((), ACCEPTED.notes)


@pytest.mark.parametrize("entry", [READING_ENTRY, ACCEPTED_ENTRY])
@ANY_SPEED
@given(st.data())
def test_a_damaged_reading_or_text_is_a_miss(entry, data):
    bit = data.draw(st.integers(0, 8 * len(entry) - 1))
    length = data.draw(st.integers(0, len(entry) - 1))
    for harmed in (flipped(entry, bit), entry[:length]):
        assert decode_reading(DIGEST, harmed, 4) is None
        assert decode_accepted(DIGEST, harmed) is None


def test_a_reading_or_text_of_another_is_a_miss():
    assert decode_reading(OTHER_KEY, READING_ENTRY, 4) is None
    assert decode_reading(DIGEST, READING_ENTRY, 5) is None
    assert decode_reading(DIGEST, encode_graph_key(DIGEST, b""), 4) is None
    assert decode_accepted(OTHER_KEY, ACCEPTED_ENTRY) is None
    assert decode_accepted(DIGEST, encode_graph_key(DIGEST, b"\x02" + bytes(7))) is None
