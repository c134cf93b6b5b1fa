"""The backbone: message passing on distances alone, all members of an ensemble as one network."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from epitaxy_models.backbones.config import MESSAGE_SCALE, NORM_EPSILON, BackboneConfig, EdgeFilter
from epitaxy_models.backbones.messages import edge_messages
from epitaxy_models.backbones.tensors import GraphTensors


def stacked(n_members: int, n_in: int, n_out: int, gain: float = 1.0) -> nn.Parameter:
    """Weights of one linear map a member, ``[n_members, n_in, n_out]``."""
    return nn.Parameter(torch.randn(n_members, n_in, n_out) * (gain / math.sqrt(n_in)))


def root_mean_square_norm(x: Tensor, gain: Tensor) -> Tensor:
    """Scales each state to unit root mean square (Zhang & Sennrich 2019)."""
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + NORM_EPSILON) * gain


class MessageLayer(nn.Module):
    """One round of factorized gated messages and a node-wise network, both residual."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        members, width = config.n_members, config.width
        self.message_gain = nn.Parameter(torch.ones(members, 1, width))
        self.to_centre = stacked(members, width, 2 * width)
        self.to_neighbour = stacked(members, width, 2 * width)
        self.to_filter = stacked(members, config.n_radial, 2 * width, gain=2.0)
        self.message_bias = nn.Parameter(torch.zeros(members, 1, 2 * width))
        self.message_out = stacked(members, width, width)
        self.update_gain = nn.Parameter(torch.ones(members, 1, width))
        self.update_in = stacked(members, width, 2 * width)
        self.update_bias = nn.Parameter(torch.zeros(members, 1, 2 * width))
        self.update_out = stacked(members, 2 * width, width, gain=0.5)

    def forward(self, states: Tensor, graph: GraphTensors, radial_grid: Tensor) -> Tensor:
        """Node states after the layer, ``[n_members, n_nodes, width]``."""
        return self.updated(states, self.messages(self.terms(states), graph, radial_grid, graph.weights))

    def terms(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """What nodes bring into messages as receivers and as senders, each ``[n_members, n_nodes, 2 * width]``."""
        normed = root_mean_square_norm(states, self.message_gain)
        return torch.baddbmm(self.message_bias, normed, self.to_centre), torch.bmm(normed, self.to_neighbour)

    def messages(
        self, terms: tuple[Tensor, Tensor], graph: GraphTensors, radial_grid: Tensor, weights: Tensor
    ) -> Tensor:
        """Sum of the messages to each node, with these weights of the edges, ``[n_members, n_nodes, width]``."""
        table = torch.matmul(radial_grid, self.to_filter)
        return edge_messages(*terms, table, graph.rows, graph.sources, graph.positions, weights)

    def updated(self, states: Tensor, messages: Tensor) -> Tensor:
        """Node states after messages of this sum, ``[n_members, n_nodes, width]``."""
        states = states + torch.bmm(messages * MESSAGE_SCALE, self.message_out)
        normed = root_mean_square_norm(states, self.update_gain)
        hidden = nn.functional.silu(torch.baddbmm(self.update_bias, normed, self.update_in))
        return states + torch.bmm(hidden, self.update_out)


class StackedBackbone(nn.Module):
    """``n_members`` networks that run as one batched network.

    Invariant to translation, rotation, permutation and choice of cell, since it sees only species, distances and how
    often an environment occurs.
    """

    radial_grid: Tensor

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.species = nn.Parameter(torch.randn(config.n_members, config.n_species, config.width))
        self.layers = nn.ModuleList(MessageLayer(config) for _ in range(config.n_layers))
        self.readout_gain = nn.Parameter(torch.ones(config.n_layers, config.n_members, 1, config.width))
        self.register_buffer("radial_grid", radial_basis(config), persistent=False)

    def forward(self, graph: GraphTensors) -> Tensor:
        """Structure embeddings, ``[n_members, n_graphs, embedding_width]``."""
        states, history = self.species[:, graph.atomic_numbers], []
        for layer in self.layers:
            states = layer(states, graph, self.radial_grid)
            history.append(states)
        return self.readout(history, graph)

    def readout(self, history: Sequence[Tensor], graph: GraphTensors) -> Tensor:
        """Structure embeddings from node states after every layer, each ``[n_members, n_nodes, width]``."""
        blocks = []
        for states, gain in zip(history, self.readout_gain, strict=True):
            readout = root_mean_square_norm(states, gain)
            blocks.append(mean_over_atoms(readout, graph))
        blocks.append(maximum_over_atoms(readout, graph))
        return torch.cat(blocks, dim=-1)


def mean_over_atoms(states: Tensor, graph: GraphTensors) -> Tensor:
    """Mean over the atoms of each crystal, ``[n_members, n_graphs, width]``."""
    sums = states.new_zeros(states.shape[0], graph.n_graphs, states.shape[2])
    return sums.index_add(1, graph.graph_of_node, states * graph.fractions.unsqueeze(-1))


def maximum_over_atoms(states: Tensor, graph: GraphTensors) -> Tensor:
    """Largest value of each channel in each crystal, ``[n_members, n_graphs, width]``."""
    lowest = states.new_full((states.shape[0], graph.n_graphs, states.shape[2]), -torch.inf)
    index = graph.graph_of_node.view(1, -1, 1).expand_as(states)
    return lowest.scatter_reduce(1, index, states, reduce="amax")


def radial_basis(config: BackboneConfig) -> Tensor:
    """Gaussians of the distance on the filter's grid, ``[n_grid, n_radial]``; denser where bonds are.

    Centres are even in the square root of the distance between 0.5 Angstrom and ``radius_max``; each Gaussian is as
    wide as the gap to its neighbour. If edges have kinds, each has a function of its own.
    """
    if config.edge_filter is EdgeFilter.KIND:
        return torch.eye(config.n_grid)
    grid = torch.linspace(0.0, config.radius_max, config.n_grid)
    centres = torch.linspace(math.sqrt(0.5), math.sqrt(config.radius_max), config.n_radial).square()
    widths = torch.gradient(centres)[0] if config.n_radial > 1 else torch.ones(1)
    return torch.exp(-0.5 * ((grid[:, None] - centres) / widths).square())
