"""What answering costs in counts, which no busy machine changes: bytes, nodes, edges, calls of the network."""

from collections.abc import Sequence
from typing import Any

import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import pack_structures
from loadtest.in_process import InProcess

STRUCTURES = [crystal.structure for crystal in bundled_crystals()][::5]


def test_a_packed_structure_takes_25_bytes_a_site_and_76_more() -> None:
    block = pack_structures(STRUCTURES)
    sent = sum(len(part) for part in (block.n_sites, block.lattices_angstrom, block.atomic_numbers, block.frac_coords))
    assert sent <= 25 * sum(one.n_sites for one in STRUCTURES) + 76 * len(STRUCTURES)


def test_networks_see_classes_of_sites_and_merged_edges() -> None:
    """1,492 sites of 112 crystals were 272 nodes with 1,644 edges when this was written."""
    graphs = [build_graph(one) for one in STRUCTURES]
    assert sum(graph.n_nodes for graph in graphs) <= 272
    assert sum(graph.n_edges for graph in graphs) <= 1644


def test_a_message_calls_the_network_once_and_the_same_message_again_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = InProcess()
    asked: list[int] = []
    backend = engine._service._backend
    embed = backend.embed

    async def counted(graphs: Sequence[Any]) -> Any:
        asked.append(len(graphs))
        return await embed(graphs)

    monkeypatch.setattr(backend, "embed", counted, raising=False)
    engine.prepare("new", STRUCTURES[:32])
    assert engine.run("new") == 32
    distinct = len({build_graph(one).key for one in STRUCTURES[:32]})
    assert asked == [distinct]
    assert engine.run("new") == 32
    assert asked == [distinct]
