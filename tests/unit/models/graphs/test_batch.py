"""Batches: joined, selected and taken apart without loss."""

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy_models.graphs.batch import CrystalGraphBatch, collate, select, separate
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.testing.specimens import specimens

_FIELDS = ("atomic_numbers", "multiplicities", "rows", "sources", "distances", "weights")


def _graph(seed: int, n_nodes: int, max_degree: int) -> CrystalGraph:
    generator = np.random.default_rng(seed)
    rows = np.concatenate([[0], np.cumsum(generator.integers(0, max_degree + 1, n_nodes))]).astype(np.int32)
    return CrystalGraph(
        atomic_numbers=generator.integers(1, 119, n_nodes).astype(np.uint8),
        multiplicities=generator.integers(1, 9, n_nodes).astype(np.int32),
        rows=rows,
        sources=generator.integers(0, n_nodes, rows[-1]).astype(np.int32),
        distances=generator.random(rows[-1]).astype(np.float32),
        weights=generator.random(rows[-1]).astype(np.float32),
        key=b"k",
    )


graphs = st.builds(_graph, st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 5))


def _assert_equal_graph(found: CrystalGraph, expected: CrystalGraph) -> None:
    for name in _FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype, name


def _assert_equal_batch(found: CrystalGraphBatch, expected: CrystalGraphBatch) -> None:
    for field in fields(CrystalGraphBatch):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype, field.name


@settings(max_examples=80, deadline=None)
@given(st.lists(graphs, max_size=6))
def test_collated_graphs_separate_into_themselves(parts: list[CrystalGraph]) -> None:
    apart = separate(collate(parts))
    assert len(apart) == len(parts)
    for found, expected in zip(apart, parts, strict=True):
        _assert_equal_graph(found, expected)


@settings(max_examples=80, deadline=None)
@given(st.lists(graphs, min_size=1, max_size=6), st.data())
def test_selecting_equals_collating_the_chosen(parts: list[CrystalGraph], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=8))
    found = select(collate(parts), np.array(chosen, dtype=np.int64))
    _assert_equal_batch(found, collate([parts[index] for index in chosen]))


@settings(max_examples=40, deadline=None)
@given(st.lists(graphs, min_size=1, max_size=5))
def test_edges_stay_within_their_crystal(parts: list[CrystalGraph]) -> None:
    batch = collate(parts)
    sources, receivers = batch.edge_index
    crystal_of_node = np.repeat(np.arange(batch.n_graphs), np.diff(batch.cell_offsets))
    np.testing.assert_array_equal(crystal_of_node[sources], crystal_of_node[receivers])
    assert batch.n_edges == sum(part.n_edges for part in parts)


def test_edge_index_names_source_over_receiver() -> None:
    graph = CrystalGraph(
        atomic_numbers=np.array([1, 8], np.uint8),
        multiplicities=np.array([2, 1], np.int32),
        rows=np.array([0, 1, 3], np.int32),
        sources=np.array([1, 0, 1], np.int32),
        distances=np.array([1.0, 1.0, 2.0], np.float32),
        weights=np.array([0.5, 1.0, 0.1], np.float32),
        key=b"",
    )
    assert collate([graph, graph]).edge_index.tolist() == [[1, 0, 1, 3, 2, 3], [0, 1, 1, 2, 3, 3]]


def test_empty_batch_has_no_graphs() -> None:
    batch = collate([])
    assert (batch.n_graphs, batch.n_edges) == (0, 0)
    assert separate(batch) == []
    _assert_equal_batch(select(collate([build_graph(s) for s in specimens().values()]), np.zeros(0, np.int64)), batch)
