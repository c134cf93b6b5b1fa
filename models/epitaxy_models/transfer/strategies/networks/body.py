"""The network that transfer trains: a stacked backbone, and a readout of what the source heads look at."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from epitaxy_models.backbones.config import N_ELEMENTS, BackboneConfig
from epitaxy_models.backbones.stacked import (
    MessageLayer,
    StackedBackbone,
    maximum_over_atoms,
    mean_over_atoms,
    root_mean_square_norm,
    stacked,
)
from epitaxy_models.backbones.tensors import GraphTensors

# A feature far outside the training rows must not decide a value alone.
_CLIP = 6.0
# Spread below which a feature is constant: what rounding leaves in float32.
_CONSTANT = 1e-5


class Ground(NamedTuple):
    """What the frozen layers say of a batch: computed once, however many epochs follow.

    Attributes:
        states: Node states after the frozen layers, ``[n_members, n_nodes, width]``.
        blocks: Pooled states after each of them, ``[n_members, n_graphs, width]`` each.
    """

    states: Tensor
    blocks: tuple[Tensor, ...]


class TransferHead(nn.Module):
    """One property from structure embeddings: a hidden layer and a linear readout of standardised features.

    The features are the hidden units, the embedding itself, the element references of the source properties, and values
    that the caller knows. With the hidden units of the source heads, every source property lies in the readout's span.

    Attributes:
        sizes: Number of features of each of these four kinds.
    """

    references: Tensor
    centre: Tensor
    factor: Tensor

    def __init__(self, n_members: int, n_in: int, n_hidden: int, n_references: int = 0, n_known: int = 0) -> None:
        super().__init__()
        self.sizes = (n_hidden, n_in, n_references, n_known)
        n_features = sum(self.sizes)
        self.hidden = stacked(n_members, n_in, n_hidden)
        self.hidden_bias = nn.Parameter(torch.zeros(n_members, 1, n_hidden))
        self.value = nn.Parameter(torch.zeros(n_members, n_features, 1))
        self.bias = nn.Parameter(torch.zeros(n_members, 1, 1))
        self.register_buffer("references", torch.zeros(N_ELEMENTS, n_references))
        self.register_buffer("centre", torch.zeros(n_members, 1, n_features))
        self.register_buffer("factor", torch.ones(n_members, 1, n_features))

    def features(self, embeddings: Tensor, composition: Tensor, known: Tensor) -> Tensor:
        """Standardised features over the root of their number, ``[n_members, n_graphs, n_features]``.

        Without the root, one step of a thousand weights at once would move a value by more than its spread.

        Args:
            embeddings: ``[n_members, n_graphs, n_in]``.
            composition: Share of each element, ``[n_graphs, N_ELEMENTS]``.
            known: Values that the caller knows, ``[n_graphs, n_known]``.
        """
        raw = self._raw(embeddings, composition, known)
        return ((raw - self.centre) * self.factor).clamp(-_CLIP, _CLIP) / math.sqrt(sum(self.sizes))

    def forward(self, embeddings: Tensor, composition: Tensor, known: Tensor) -> Tensor:
        """Values in units of the labels' spread, ``[n_members, n_graphs]``."""
        features = self.features(embeddings, composition, known)
        return torch.baddbmm(self.bias, features, self.value).squeeze(-1)

    @torch.no_grad()
    def standardise(self, embeddings: Tensor, composition: Tensor, known: Tensor, weights: Tensor) -> None:
        """Takes mean and spread of each feature over the rows that a member counts, ``weights`` ``[n_members, n]``."""
        raw = self._raw(embeddings, composition, known)
        shares = (weights / weights.sum(dim=1, keepdim=True)).unsqueeze(-1)
        self.centre.copy_((shares * raw).sum(dim=1, keepdim=True))
        spread = (shares * (raw - self.centre).square()).sum(dim=1, keepdim=True).sqrt()
        varies = spread > _CONSTANT * (1 + self.centre.abs())
        self.factor.copy_(torch.where(varies, 1 / spread.clamp(min=1e-12), torch.zeros_like(spread)))

    def _raw(self, embeddings: Tensor, composition: Tensor, known: Tensor) -> Tensor:
        hidden = nn.functional.silu(torch.baddbmm(self.hidden_bias, embeddings, self.hidden))
        extra = torch.cat([composition @ self.references, known], dim=1)
        return torch.cat([hidden, embeddings, extra.expand(len(hidden), -1, -1)], dim=-1)


class TransferNetwork(nn.Module):
    """Backbone and head; all members are one batched network.

    Attributes:
        n_frozen: Lowest message layers that do not learn; the elements' states do not either where it is positive.
    """

    def __init__(self, backbone: StackedBackbone, head: TransferHead, n_frozen: int = 0) -> None:
        super().__init__()
        self.backbone, self.head, self.n_frozen = backbone, head, n_frozen
        if n_frozen:
            backbone.species.requires_grad = False
        for layer in backbone.layers[:n_frozen]:
            layer.requires_grad_(requires_grad=False)

    @property
    def config(self) -> BackboneConfig:
        """Shape of the backbone."""
        return self.backbone.config

    @torch.no_grad()
    def ground(self, graph: GraphTensors) -> Ground:
        """What the frozen layers say."""
        start = self.backbone.species[:, graph.atomic_numbers]
        return self._advance(Ground(start, ()), graph, range(self.n_frozen))

    def embed(self, graph: GraphTensors, ground: Ground | None = None) -> Tensor:
        """Structure embeddings, ``[n_members, n_graphs, embedding_width]``; those of ``StackedBackbone``."""
        if ground is None or not self.n_frozen:
            ground, first = Ground(self.backbone.species[:, graph.atomic_numbers], ()), 0
        else:
            first = self.n_frozen
        states, blocks = self._advance(ground, graph, range(first, self.config.n_layers))
        last = root_mean_square_norm(states, self.backbone.readout_gain[-1])
        return torch.cat([*blocks, maximum_over_atoms(last, graph)], dim=-1)

    def forward(self, graph: GraphTensors, known: Tensor, ground: Ground | None = None) -> Tensor:
        """Values in units of the labels' spread, ``[n_members, n_graphs]``."""
        result: Tensor = self.head(self.embed(graph, ground), graph.composition, known)
        return result

    def _advance(self, ground: Ground, graph: GraphTensors, layers: range) -> Ground:
        states, blocks = ground.states, list(ground.blocks)
        for index in layers:
            layer: MessageLayer = self.backbone.layers[index]  # type: ignore[assignment]  # ModuleList is untyped
            states = layer(states, graph, self.backbone.radial_grid)
            readout = root_mean_square_norm(states, self.backbone.readout_gain[index])
            blocks.append(mean_over_atoms(readout, graph))
        return Ground(states, tuple(blocks))
