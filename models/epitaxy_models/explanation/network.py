"""The ensemble as an explanation sees it: one property of it, and an element that is none in particular."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import GraphTensors, to_tensors
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.explanation.anatomy import NO_ELEMENT
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.heads.readout import PropertyReadout

# Graphs run together while they have fewer edges than this; memory grows with nodes, which are fewer.
_EDGES_AT_ONCE = 20_000


class ExplainedNetwork:
    """Backbone and heads of one model on the CPU.

    Row `NO_ELEMENT` of its tables, which no element uses, holds the average over the training data: there an atom's
    first state and its share of the linear reference are those of no element in particular.
    """

    def __init__(self, artifact: ModelArtifact) -> None:
        self.config = artifact.card.backbone
        self._backbone = _backbone(artifact)
        self._heads = {entry.definition.name: _heads(artifact, entry.head) for entry in artifact.card.properties}

    def values(self, graphs: Sequence[CrystalGraph], name: str) -> NDArray[np.float64]:
        """What each member says of each graph, ``[n_members, n_graphs]``."""
        parts = [self._values_of(chunk, name) for chunk in _chunks(graphs)]
        return np.concatenate(parts, axis=1).astype(np.float64)

    def embedding(self, graph: CrystalGraph) -> NDArray[np.float32]:
        """As ``Embedder`` gives it, ``[1, n_members, embedding_width]``."""
        with torch.inference_mode():
            embedded = self._backbone(self.tensors([graph]))
        return np.ascontiguousarray(embedded.numpy().swapaxes(0, 1))

    def tensors(self, graphs: Sequence[CrystalGraph]) -> GraphTensors:
        """Graphs as one batch."""
        return to_tensors(collate(graphs), self.config)

    def first_states(self, atomic_numbers: NDArray[np.uint8]) -> Tensor:
        """States that nodes start with, ``[n_members, n_nodes, width]``."""
        return self._backbone.species[:, torch.from_numpy(atomic_numbers.astype(np.int64))]

    def corrections(self, states: Tensor, graph: GraphTensors, name: str) -> Tensor:
        """What the network adds to the linear reference, ``[n_members, n_graphs]``."""
        embeddings = self._backbone.from_states(states, graph)
        values, _ = self._heads[name](embeddings, torch.zeros_like(graph.composition))
        return values[..., 0]  # type: ignore[no-any-return]  # modules are called untyped

    def references(self, atomic_numbers: NDArray[np.uint8], name: str) -> NDArray[np.float64]:
        """Linear reference of an atom's element, ``[n_atoms]``; its mean over a crystal is part of the value."""
        return self._heads[name].references[:, 0].numpy()[atomic_numbers].astype(np.float64)  # type: ignore[no-any-return]

    def spread(self, name: str) -> float:
        """Typical deviation of the property over the training data, in its unit."""
        return float(self._heads[name].spreads[0])

    @torch.inference_mode()
    def _values_of(self, graphs: Sequence[CrystalGraph], name: str) -> NDArray[np.float32]:
        batch = self.tensors(graphs)
        values, _ = self._heads[name](self._backbone(batch), batch.composition)
        return values[..., 0].numpy()  # type: ignore[no-any-return]


def _backbone(artifact: ModelArtifact) -> StackedBackbone:
    network = StackedBackbone(artifact.card.backbone)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in artifact.backbone.items()})
    network.eval().requires_grad_(requires_grad=False)
    shares = torch.from_numpy(_element_shares(artifact))
    network.species[:, NO_ELEMENT] = torch.einsum("z,mzw->mw", shares, network.species)
    return network


def _heads(artifact: ModelArtifact, head: int) -> PropertyHeads:
    readout = PropertyReadout.from_tensors(dict(artifact.heads), [head])
    members, n_in, n_hidden = readout.hidden.shape
    heads = PropertyHeads(members, n_in, 1, n_hidden)
    heads.load_state_dict(
        {field.name: torch.from_numpy(np.array(getattr(readout, field.name))) for field in fields(readout)}
    )
    heads.eval().requires_grad_(requires_grad=False)
    heads.references[NO_ELEMENT] = torch.from_numpy(_element_shares(artifact)) @ heads.references
    return heads


def _element_shares(artifact: ModelArtifact) -> NDArray[np.float32]:
    """Share of each element among the training structures' elements, ``[119]``."""
    counts = artifact.domain.element_counts.astype(np.float64)
    counts[NO_ELEMENT] = 0
    return (counts / counts.sum()).astype(np.float32)


def _chunks(graphs: Sequence[CrystalGraph]) -> list[Sequence[CrystalGraph]]:
    """Graphs in order, cut where a chunk has edges enough; at least one a chunk."""
    chunks: list[list[CrystalGraph]] = [[]]
    edges = 0
    for graph in graphs:
        if chunks[-1] and edges + graph.n_edges > _EDGES_AT_ONCE:
            chunks.append([])
            edges = 0
        chunks[-1].append(graph)
        edges += graph.n_edges
    return list(chunks)
