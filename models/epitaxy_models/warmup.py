"""Compiles every kernel once, so that no service and no test waits for it: ``python -m epitaxy_models.warmup``."""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import MessageLayer, StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph_with_origins
from epitaxy_models.graphs.rock_salt import featurize_rock_salt, rock_salt
from epitaxy_models.substrates.material_catalogue import load_kernels
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular
from epitaxy_models.transfer.descriptors import DESCRIPTOR_NAMES, describe
from epitaxy_models.transfer.inputs import DESCRIPTORS, TransferInputs
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest

# Descriptors of layers have kernels that other crystals do not meet.
_LAYERED = "C-graphite"


def warm_networks() -> None:
    """Intake, graphs, networks forward and backward (of edge weights too), intervals and verdicts, trees."""
    config = BackboneConfig(n_members=1, width=8, n_layers=1)
    network = StackedBackbone(config)
    graph = to_tensors(collate([featurize_rock_salt()]), config)
    torch.sum(network(graph)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    weights = graph.weights.expand(1, -1).clone().requires_grad_()
    layer: MessageLayer = network.layers[0]  # type: ignore[assignment]  # ModuleList is untyped
    terms = layer.terms(network.species[:, graph.atomic_numbers])
    torch.sum(layer.messages(terms, graph, network.radial_grid, weights)).backward()  # type: ignore[no-untyped-call]
    artifact = load_artifact(shipped_model())
    CalibratedReadout(artifact)(Embedder(artifact)([featurize_rock_salt()]), [rock_salt()], DEFAULT_COVERAGE)
    build_graph_with_origins(rock_salt())
    forest = DescriptorForest(n_trees=1)
    described = np.zeros((2, len(DESCRIPTOR_NAMES)))
    inputs = TransferInputs((rock_salt(),) * 2, (featurize_rock_salt(),) * 2, {DESCRIPTORS: described})
    forest.fit(inputs, np.array([0.0, 1.0]), seed=0).predict(inputs)


def warm_descriptors() -> None:
    """Descriptors, of layers too."""
    layered = next(crystal.structure for crystal in bundled_crystals() if crystal.identifier == _LAYERED)
    describe([rock_salt(), layered])


def warm_materials() -> None:
    """Graphs, networks and verdicts of molecules and compositions."""
    for substrate in (shipped_molecular(), shipped_compositional()):
        load_kernels(substrate)


def main() -> None:
    """Compiles all kernels in two processes: a few seconds if they are cached, about a minute if not."""
    start = time.monotonic()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for part in [pool.submit(warm) for warm in (warm_networks, warm_descriptors, warm_materials)]:
            part.result()
    print(f"kernels compiled in {time.monotonic() - start:.0f} s")  # noqa: T201  # a command's output


if __name__ == "__main__":
    main()
