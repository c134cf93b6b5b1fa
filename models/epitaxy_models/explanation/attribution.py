"""Integrated gradients of one property to the atoms and neighbours of one crystal (Sundararajan et al. 2017)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.explanation.ablation import AblatedCrystal

_FIRST_STEPS, _LAST_STEPS = 16, 64
# Enough steps: the contributions miss this share of the change at most, or this much of the property's spread.
_SHARE_MISSED, _SPREAD_MISSED = 0.01, 0.01
# Points of the path that are held in memory together, by their nodes.
_NODES_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """Contributions to one crystal's value, by member of the ensemble, in the property's unit.

    Attributes:
        values: What each member says, ``[n_members]``.
        baselines: What it says where nothing is left, ``[n_members]``.
        nodes: Contributions of all atoms of a node together, without their neighbours, ``[n_members, n_nodes]``.
        edges: Contributions of the neighbours that an edge stands for, ``[n_members, n_edges]``.
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


def integrated_gradients(crystal: AblatedCrystal, spread: float) -> Attribution:
    """Contributions along the straight path from nothing to the whole crystal.

    Steps are doubled until the contributions add up, or are too many; ``spread`` is the property's.
    """
    n_steps = _FIRST_STEPS
    while True:
        found = with_steps(crystal, n_steps)
        change = float(np.mean(found.values - found.baselines))
        enough = max(_SHARE_MISSED * abs(change), _SPREAD_MISSED * spread)
        if abs(found.completeness_error) <= enough or n_steps >= _LAST_STEPS:
            return found
        n_steps *= 2


def with_steps(crystal: AblatedCrystal, n_steps: int) -> Attribution:
    """Contributions from that many points of Gauss-Legendre quadrature."""
    # Captum loads matplotlib and all of its own methods, seconds that only an explanation is to wait for.
    from captum.attr import IntegratedGradients  # noqa: PLC0415

    anatomy = crystal.anatomy
    all_there = torch.ones(1, crystal.n_members, anatomy.graph.n_edges)

    def forward(states: Tensor, presence: Tensor) -> Tensor:
        """Sum over the members, ``[n_points]``: members share nothing, so each gets its own gradient."""
        return crystal.corrections(states, presence).sum(dim=1)

    nodes, edges = IntegratedGradients(forward).attribute(
        (crystal.whole[None], all_there),
        baselines=(crystal.empty[None], torch.zeros_like(all_there)),
        n_steps=n_steps,
        method="gausslegendre",
        internal_batch_size=max(1, _NODES_AT_ONCE // anatomy.graph.n_nodes),
    )
    whole, nothing = crystal.values(np.stack([np.ones(anatomy.n_parts, np.bool_), np.zeros(anatomy.n_parts, np.bool_)]))
    # The linear reference is attributed exactly, for it is linear.
    by_element, by_none = (crystal.references(np.full(anatomy.graph.n_nodes, fill)) for fill in (True, False))
    by_node = nodes[0].sum(dim=-1).double().numpy() + by_element - by_none
    return Attribution(whole, nothing, by_node, edges[0].double().numpy(), n_steps)
