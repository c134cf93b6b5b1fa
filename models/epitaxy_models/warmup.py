"""Compiles every kernel once, so that no service and no test waits for it: ``python -m epitaxy_models.warmup``."""

import time

import numpy as np
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import MessageLayer, StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph_with_origins
from epitaxy_models.graphs.rock_salt import featurize_rock_salt, rock_salt
from epitaxy_models.transfer.descriptors import describe
from epitaxy_models.transfer.inputs import DESCRIPTORS, TransferInputs
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest


def main() -> None:
    """Compiles forward and backward, of edge weights too; seconds on a warm cache, about a minute on a cold one."""
    start = time.monotonic()
    config = BackboneConfig(n_members=1, width=8, n_layers=1)
    network = StackedBackbone(config)
    graph = to_tensors(collate([featurize_rock_salt()]), config)
    torch.sum(network(graph)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    weights = graph.weights.expand(1, -1).clone().requires_grad_()
    layer: MessageLayer = network.layers[0]  # type: ignore[assignment]  # ModuleList is untyped
    terms = layer.terms(network.species[:, graph.atomic_numbers])
    torch.sum(layer.messages(terms, graph, network.radial_grid, weights)).backward()  # type: ignore[no-untyped-call]
    artifact = load_artifact(shipped_model())
    CalibratedReadout(artifact)(Embedder(artifact)([featurize_rock_salt()]), [rock_salt()], 0.9)
    build_graph_with_origins(rock_salt())
    described = describe([rock_salt()] * 2)
    forest = DescriptorForest(n_trees=1)
    inputs = TransferInputs((rock_salt(),) * 2, (featurize_rock_salt(),) * 2, {DESCRIPTORS: described})
    forest.fit(inputs, np.array([0.0, 1.0]), seed=0).predict(inputs)
    print(f"kernels compiled in {time.monotonic() - start:.0f} s")  # noqa: T201  # a command's output


if __name__ == "__main__":
    main()
