"""What is timed does its work: a benchmark of code that answers nothing would be quick."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from loadtest import corpus
from loadtest.in_process import InProcess
from loadtest.stages import stage_costs

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # PyG's import uses torch.jit.script
    from loadtest.peers.pyg_cgcnn import PygCgcnn, graph_of


@pytest.mark.parametrize("engine", [InProcess, PygCgcnn])
def test_an_engine_answers_files_and_structures(engine: type, tmp_path: Path) -> None:
    structures = corpus.crystals(None, 5)
    worker = engine()
    worker.prepare("files", corpus.write_cifs(structures, tmp_path))
    worker.prepare("structures", structures)
    assert worker.run("files") == worker.run("structures") == 5


def test_the_peer_sees_the_twelve_nearest_neighbours_of_every_atom() -> None:
    structure = corpus.crystals(None, 1)[0]
    graph = graph_of(corpus.pymatgen_structure(structure))
    receivers, distances = graph.edge_index[1].numpy(), graph.distance.numpy()
    assert np.bincount(receivers).tolist() == [12] * structure.n_sites
    images = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ structure.lattice
    for site in range(structure.n_sites):
        apart = structure.cart_coords[None] + images[:, None] - structure.cart_coords[site]
        every = np.sort(np.linalg.norm(apart, axis=-1).ravel())
        np.testing.assert_allclose(np.sort(distances[receivers == site]), every[1:13], atol=1e-4)


def test_every_stage_of_a_prediction_has_a_cost(tmp_path: Path) -> None:
    costs = stage_costs(corpus.crystals(None, 6), tmp_path)
    assert {"build_graph", "embed (all members)", "readout", "encode_reply", "review"} <= set(costs)
    assert all(cost >= 0 for cost in costs.values())
