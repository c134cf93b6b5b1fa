"""What atoms, elements and shells contribute: an attribution, told in the words of the structure."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.attribution import Attribution
from epitaxy_models.explanation.explanation import (
    ElementContribution,
    ShellContribution,
    SiteContribution,
    Spread,
)


def site_contributions(anatomy: CrystalAnatomy, attribution: Attribution) -> tuple[SiteContribution, ...]:
    """One a site, in the structure's order; equal atoms contribute equally."""
    shares = node_totals(anatomy, attribution) / anatomy.graph.multiplicities
    numbers = anatomy.graph.atomic_numbers
    by_node = [SiteContribution(int(number), _spread(shares[:, node])) for node, number in enumerate(numbers)]
    return tuple(by_node[node] for node in anatomy.node_of_site)


def element_contributions(anatomy: CrystalAnatomy, attribution: Attribution) -> tuple[ElementContribution, ...]:
    """One an element, the largest first."""
    totals, graph = node_totals(anatomy, attribution), anatomy.graph
    found = []
    for number in np.unique(graph.atomic_numbers):
        chosen = graph.atomic_numbers == number
        n_sites = int(graph.multiplicities[chosen].sum())
        found.append(ElementContribution(int(number), n_sites, _spread(totals[:, chosen].sum(axis=1))))
    return tuple(sorted(found, key=lambda entry: -abs(entry.spread.value)))


def shell_contributions(anatomy: CrystalAnatomy, attribution: Attribution) -> tuple[ShellContribution, ...]:
    """One a shell, the largest first."""
    totals = shell_totals(anatomy, attribution)
    found = [ShellContribution(shell, _spread(totals[:, row])) for row, shell in enumerate(anatomy.shells)]
    return tuple(sorted(found, key=lambda entry: -abs(entry.spread.value)))


def node_totals(anatomy: CrystalAnatomy, attribution: Attribution) -> NDArray[np.float64]:
    """All atoms of each node with their halves of the neighbours, ``[n_members, n_nodes]``."""
    totals = attribution.nodes.copy()
    for member, edges in enumerate(attribution.edges):
        np.add.at(totals[member], anatomy.receivers, edges / 2)
        np.add.at(totals[member], anatomy.graph.sources, edges / 2)
    return totals


def shell_totals(anatomy: CrystalAnatomy, attribution: Attribution) -> NDArray[np.float64]:
    """All neighbours of each shell, ``[n_members, n_shells]``."""
    n_shells = len(anatomy.shells)
    summed = [np.bincount(anatomy.shell_of_edge, weights=edges, minlength=n_shells) for edges in attribution.edges]
    return np.stack(summed)


def _spread(by_member: NDArray[np.float64]) -> Spread:
    # One member alone has no spread.
    return Spread(float(by_member.mean()), float(by_member.std(ddof=1)) if len(by_member) > 1 else 0.0)
