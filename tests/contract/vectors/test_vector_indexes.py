"""What every vector index promises, wherever it runs."""

from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.source_index import VectorIndex

WIDTH = 8
MakeIndex = Callable[[int], VectorIndex]


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1500, WIDTH)).astype(np.float32)


@pytest.fixture
def filled(make_index: MakeIndex, vectors: np.ndarray) -> VectorIndex:
    """Ids are seven times the row."""
    index = make_index(WIDTH)
    index.add(7 * np.arange(len(vectors)), vectors)
    return index


def test_search_finds_the_nearest_in_order(filled: VectorIndex, vectors: np.ndarray) -> None:
    queries = np.random.default_rng(1).normal(size=(200, WIDTH)).astype(np.float32)
    distances = np.linalg.norm(queries[:, None].astype(np.float64) - vectors, axis=2)
    expected = np.argsort(distances, axis=1)[:, :6]
    found = filled.search(queries, 6)
    np.testing.assert_array_equal(found.ids, 7 * expected)
    np.testing.assert_allclose(found.distances, np.take_along_axis(distances, expected, axis=1), atol=1e-4)
    assert (found.ids.dtype, found.distances.dtype) == (np.int64, np.float64)


def test_a_vector_is_its_own_neighbour_at_no_distance(filled: VectorIndex, vectors: np.ndarray) -> None:
    found = filled.search(vectors[:50], 1)
    assert found.ids[:, 0].tolist() == (7 * np.arange(50)).tolist()
    assert found.distances.max() < 2e-3


def test_a_vector_added_again_is_replaced(filled: VectorIndex, vectors: np.ndarray) -> None:
    moved = np.full((1, WIDTH), 50, dtype=np.float32)
    filled.add(np.array([21]), moved)
    assert filled.n_vectors == len(vectors)
    assert filled.search(moved, 1).ids.tolist() == [[21]]
    assert filled.search(vectors[3:4], 1).ids[0, 0] != 21


def test_more_neighbours_than_vectors_are_all_of_them(make_index: MakeIndex, vectors: np.ndarray) -> None:
    index = make_index(WIDTH)
    index.add(np.arange(3), vectors[:3])
    found = index.search(vectors[:2], 10)
    assert found.ids.shape == found.distances.shape == (2, 3)
    assert sorted(found.ids[0].tolist()) == [0, 1, 2]


def test_an_empty_index_finds_nothing(make_index: MakeIndex, vectors: np.ndarray) -> None:
    index = make_index(WIDTH)
    assert (index.width, index.n_vectors) == (WIDTH, 0)
    assert index.search(vectors[:2], 4).ids.shape == (2, 0)


def test_no_query_gives_no_row(filled: VectorIndex) -> None:
    assert filled.search(np.zeros((0, WIDTH), dtype=np.float32), 4).ids.shape == (0, 4)


def test_nothing_added_changes_nothing(filled: VectorIndex, vectors: np.ndarray) -> None:
    filled.add(np.zeros(0, dtype=np.int64), np.zeros((0, WIDTH), dtype=np.float32))
    assert filled.n_vectors == len(vectors)


@pytest.mark.parametrize(
    ("ids", "shape", "fill"),
    [([1, 2], (2, WIDTH + 1), 0.0), ([1], (2, WIDTH), 0.0), ([1, 1], (2, WIDTH), 0.0), ([-1], (1, WIDTH), 0.0)]
    + [([1], (1, WIDTH), value) for value in (np.nan, np.inf)],
)
def test_wrong_vectors_are_refused_and_none_is_held(
    make_index: MakeIndex, ids: list[int], shape: tuple[int, int], fill: float
) -> None:
    index = make_index(WIDTH)
    with pytest.raises(ConfigurationError, match=r"vectors (of shape|need)") as caught:
        index.add(np.array(ids), np.full(shape, fill, dtype=np.float32))
    assert caught.value.reason == "INVALID_VECTORS"
    assert index.n_vectors == 0


def test_wrong_queries_are_refused(filled: VectorIndex) -> None:
    with pytest.raises(ConfigurationError, match="finite ones of width 8"):
        filled.search(np.zeros((1, 3), dtype=np.float32), 1)
    with pytest.raises(ConfigurationError, match="0 neighbours asked for"):
        filled.search(np.zeros((1, WIDTH), dtype=np.float32), 0)
