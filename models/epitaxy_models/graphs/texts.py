"""Materials as a column of a data set has them: which column it is, and the graph of one text."""

from epitaxy_models.graphs.composition_graph import build_composition_graph
from epitaxy_models.graphs.graph import CrystalGraph, GraphRule, build_graph
from epitaxy_models.graphs.rules import MoleculeRule, Rule
from epitaxy_models.structures.dataset_column import structure_from_column


def text_column(rule: Rule) -> str:
    """Name of the column that a rule makes graphs of."""
    if isinstance(rule, GraphRule):
        return "structure"
    return "smiles" if isinstance(rule, MoleculeRule) else "composition"


def graph_of_text(text: str, rule: Rule) -> CrystalGraph:
    """The graph of a material as the column has it. Raises InvalidMaterialError for one that cannot be used."""
    if isinstance(rule, GraphRule):
        return build_graph(structure_from_column(text), rule)
    return _molecule(text) if isinstance(rule, MoleculeRule) else _composition(text)


def _molecule(text: str) -> CrystalGraph:
    from epitaxy_models.graphs.molecule_graph import build_molecule_graph  # noqa: PLC0415 - crystals need no RDKit
    from epitaxy_models.molecules import read_molecule  # noqa: PLC0415 - the same

    molecule = read_molecule(text).molecule
    return build_molecule_graph(molecule.graph, molecule.key)


def _composition(text: str) -> CrystalGraph:
    from epitaxy_models.compositions import read_composition  # noqa: PLC0415 - crystals need no readers of formulas

    composition = read_composition(text).composition
    shares = dict(zip(composition.atomic_numbers, composition.amounts, strict=True))
    return build_composition_graph(shares, composition.key)
