"""The ensemble as an explanation sees it: one property of it, and an element that is none in particular."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.device import loaded_network
from epitaxy_models.backbones.stacked import MessageLayer, StackedBackbone
from epitaxy_models.backbones.tensors import GraphTensors, to_tensors
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.heads.readout import PropertyReadout

# The atomic number of an atom that is of no element in particular.
NO_ELEMENT = 0
# What the nodes of a graph bring into one layer's messages, as receivers and as senders.
Terms = tuple[Tensor, Tensor]


class ExplainedNetwork:
    """Backbone and heads of one model on the CPU.

    Row `NO_ELEMENT` of its tables, which no element uses, holds the average over the training data: there an atom's
    first state and its share of the linear reference are those of no element in particular.
    """

    def __init__(self, artifact: ModelArtifact) -> None:
        self.config = artifact.card.backbone
        self._backbone = _backbone(artifact)
        self._heads = {entry.definition.name: _heads(artifact, entry.head) for entry in artifact.card.properties}

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

    @torch.no_grad()
    def terms(self, states: Tensor, graph: GraphTensors) -> list[Terms]:
        """What the nodes bring into the messages of every layer, from first states on."""
        found = []
        for layer in self._layers:
            terms = layer.terms(states)
            found.append(terms)
            states = layer.updated(states, layer.messages(terms, graph, self._backbone.radial_grid, graph.weights))
        return found

    def corrections(
        self, states: Tensor, graph: GraphTensors, presence: Tensor, blank: Sequence[Terms], name: str
    ) -> Tensor:
        """What the network adds to the linear reference, ``[n_members, n_graphs]``.

        Args:
            states: That the nodes start with, ``[n_members, n_nodes, width]``.
            graph: One batch.
            presence: Share of each neighbour that is there, ``[n_members, n_edges]``; for the rest of it stands what
                the blank terms say.
            blank: Terms of every layer where nothing is there.
            name: Name of the property.
        """
        here, gone, grid = graph.weights * presence, graph.weights * (1 - presence), self._backbone.radial_grid
        history = []
        for layer, terms in zip(self._layers, blank, strict=True):
            messages = layer.messages(layer.terms(states), graph, grid, here) + layer.messages(terms, graph, grid, gone)
            states = layer.updated(states, messages)
            history.append(states)
        embeddings = self._backbone.readout(history, graph)
        values, _ = self._heads[name](embeddings, torch.zeros_like(graph.composition))
        return values[..., 0]  # type: ignore[no-any-return]  # modules are called untyped

    def references(self, atomic_numbers: NDArray[np.uint8] | NDArray[np.int64], name: str) -> NDArray[np.float64]:
        """Linear reference of an atom's element, ``[n_atoms]``; its mean over a crystal is part of the value."""
        return np.asarray(self._heads[name].references[:, 0].numpy()[atomic_numbers], dtype=np.float64)

    def spread(self, name: str) -> float:
        """Typical deviation of the property over the training data, in its unit."""
        return float(self._heads[name].spreads[0])

    @property
    def _layers(self) -> list[MessageLayer]:
        return list(self._backbone.layers)  # type: ignore[arg-type]  # ModuleList is untyped


def _backbone(artifact: ModelArtifact) -> StackedBackbone:
    network = loaded_network(artifact.card.backbone, artifact.backbone)
    shares = torch.from_numpy(_element_shares(artifact))
    network.species[:, NO_ELEMENT] = torch.einsum("z,mzw->mw", shares, network.species)
    return network


def _heads(artifact: ModelArtifact, head: int) -> PropertyHeads:
    readout = PropertyReadout.from_tensors(dict(artifact.heads), [head])
    members, n_in, n_hidden = readout.hidden.shape
    heads = PropertyHeads(members, n_in, 1, n_hidden)
    tensors = {field.name: torch.from_numpy(np.array(getattr(readout, field.name))) for field in fields(readout)}
    heads.load_state_dict(tensors)
    heads.eval().requires_grad_(requires_grad=False)
    heads.references[NO_ELEMENT] = torch.from_numpy(_element_shares(artifact)) @ heads.references
    return heads


def _element_shares(artifact: ModelArtifact) -> NDArray[np.float32]:
    """Share of each element among the training structures' elements, ``[119]``."""
    counts = artifact.domain.element_counts.astype(np.float64)
    counts[NO_ELEMENT] = 0
    return np.asarray(counts / counts.sum(), dtype=np.float32)
