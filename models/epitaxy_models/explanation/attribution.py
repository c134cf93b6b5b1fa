"""Integrated gradients of one property to the atoms and neighbours of one crystal (Sundararajan et al. 2017)."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.explanation.anatomy import NO_ELEMENT, CrystalAnatomy
from epitaxy_models.explanation.network import ExplainedNetwork

_FIRST_STEPS, _LAST_STEPS = 16, 64
# Enough steps: the contributions miss this share of the change at most, or this much of the property's spread.
_SHARE_MISSED, _SPREAD_MISSED = 0.01, 0.002
# Points of the path that are held in memory together, by their nodes.
_NODES_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Contributions to one crystal's value, by member of the ensemble, in the property's unit.

    Attributes:
        values: What each member says, ``[n_members]``.
        baselines: What it says of the same atoms without element and neighbours, ``[n_members]``.
        nodes: Of all atoms of a node together, without their neighbours, ``[n_members, n_nodes]``.
        edges: Of the neighbours that an edge stands for, ``[n_members, n_edges]``.
        n_steps: Points of the path.
    """

    values: NDArray[np.float64]
    baselines: NDArray[np.float64]
    nodes: NDArray[np.float64]
    edges: NDArray[np.float64]
    n_steps: int

    @property
    def completeness_error(self) -> float:
        """Mean sum of the contributions minus the mean change."""
        found = self.nodes.sum(axis=1) + self.edges.sum(axis=1)
        return float((found - (self.values - self.baselines)).mean())


def integrated_gradients(network: ExplainedNetwork, anatomy: CrystalAnatomy, name: str) -> Attribution:
    """Contributions along the straight path from no elements and no neighbours.

    Steps are doubled until the contributions add up, or are too many.
    """
    n_steps = _FIRST_STEPS
    while True:
        found = with_steps(network, anatomy, name, n_steps)
        change = float(np.mean(found.values - found.baselines))
        enough = max(_SHARE_MISSED * abs(change), _SPREAD_MISSED * network.spread(name))
        if abs(found.completeness_error) <= enough or n_steps >= _LAST_STEPS:
            return found
        n_steps *= 2


def with_steps(network: ExplainedNetwork, anatomy: CrystalAnatomy, name: str, n_steps: int) -> Attribution:
    """Contributions from that many points of Gauss-Legendre quadrature."""
    graph, n_members = anatomy.graph, network.config.n_members
    whole = network.first_states(graph.atomic_numbers)
    empty = network.first_states(np.full_like(graph.atomic_numbers, NO_ELEMENT))
    weights = torch.from_numpy(graph.weights).expand(n_members, -1)

    def forward(states: Tensor, edges: Tensor) -> Tensor:
        """Sum over the members, ``[n_points]``: members share nothing, so each gets its own gradient."""
        n_points = len(states)
        batch = replace(network.tensors([graph] * n_points), weights=_side_by_side(edges))
        return network.corrections(_side_by_side(states), batch, name).sum(dim=0)

    nodes, edges = IntegratedGradients(forward).attribute(
        (whole[None], weights[None]),
        baselines=(empty[None], torch.zeros_like(weights)[None]),
        n_steps=n_steps,
        method="gausslegendre",
        internal_batch_size=max(1, _NODES_AT_ONCE // graph.n_nodes),
    )
    nothing = anatomy.with_parts(np.zeros(anatomy.n_parts, dtype=np.bool_))
    ends = network.values([graph, nothing], name)
    by_node = nodes[0].sum(dim=-1).double().numpy() + _references(network, anatomy, name)
    return Attribution(ends[:, 0], ends[:, 1], by_node, edges[0].double().numpy(), n_steps)


def _side_by_side(copies: Tensor) -> Tensor:
    """Copies of one graph's values as those of one batch: ``[n_copies, n_members, n, ..]`` to ``[n_members, ..]``."""
    return copies.transpose(0, 1).flatten(1, 2)


def _references(network: ExplainedNetwork, anatomy: CrystalAnatomy, name: str) -> NDArray[np.float64]:
    """What the linear reference says of each node beyond that of no element; exact, for it is linear."""
    graph = anatomy.graph
    above = network.references(graph.atomic_numbers, name) - network.references(np.zeros(1, dtype=np.uint8), name)
    shares = graph.multiplicities / graph.multiplicities.sum()
    return np.asarray(above * shares)
