"""The canonical SMILES of a molecule or a repeat unit, and the atoms in its order."""

from rdkit import Chem


def canonical(graph: Chem.Mol) -> str:
    """Canonical SMILES; ``in_order_of_key`` then gives the atoms in its order."""
    return str(Chem.MolToSmiles(graph))


def in_order_of_key(graph: Chem.Mol) -> Chem.Mol:
    """The molecule with its atoms in the order of the SMILES that was last written of it."""
    order = graph.GetProp("_smilesAtomOutputOrder")[1:-1].split(",")
    return Chem.RenumberAtoms(graph, [int(place) for place in order if place])
