"""The shape of a backbone for each kind of graph."""

from epitaxy_models.backbones.config import N_ELEMENTS, BackboneConfig
from epitaxy_models.graphs.graph import GraphRule
from epitaxy_models.graphs.rules import N_COMPOSITION_EDGES, N_MOLECULE_EDGES, MoleculeRule, Rule


def shape_for(rule: Rule, n_members: int, width: int, n_layers: int) -> BackboneConfig:
    """Shape of a stacked backbone whose graphs a rule makes."""
    if isinstance(rule, GraphRule):
        return BackboneConfig(n_members, width, n_layers, radius_max=rule.radius_max)
    is_molecule = isinstance(rule, MoleculeRule)
    n_species = rule.n_kinds if isinstance(rule, MoleculeRule) else N_ELEMENTS
    n_edges = N_MOLECULE_EDGES if is_molecule else N_COMPOSITION_EDGES
    return BackboneConfig.of_kinds(n_members, width, n_layers, n_species=n_species, n_edges=n_edges)
