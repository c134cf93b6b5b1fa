"""What an inspection says of one material without a crystal."""

from dataclasses import dataclass

from epitaxy_models.compositions import Composition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.molecules import Molecule
from epitaxy_models.structures.elements import symbol_of


@dataclass(frozen=True, slots=True)
class MaterialFacts:
    """Facts of one material.

    Attributes:
        key: Canonical key.
        group: The key without stereochemistry.
        size: Atoms other than hydrogen of a molecule or of the units of a polymer; elements of a composition.
        elements: Symbols, without the hydrogen that SMILES leaves out.
    """

    key: str
    group: str
    size: int
    elements: frozenset[str]


def facts_of(kind: MaterialKind, text: str) -> MaterialFacts:
    """The facts of a material. Raises InvalidMaterialError."""
    material = read_material(kind, text).material
    if isinstance(material, Composition):
        numbers = set(material.atomic_numbers)
        size = material.n_elements
    else:
        graphs = [material.graph] if isinstance(material, Molecule) else [unit.graph for unit in material.units]
        atoms = [atom.GetAtomicNum() for graph in graphs for atom in graph.GetAtoms()]
        numbers = {number for number in atoms if number > 0}
        size = sum(number > 1 for number in atoms)
    return MaterialFacts(material.key, material.constitution, size, frozenset(map(symbol_of, numbers)))
