"""The repeat unit of a polymer, in the form that does not depend on where it was cut and how often repeated."""

from dataclasses import dataclass, field
from functools import cached_property

from rdkit import Chem

from epitaxy_models.molecules.admission import atoms_of


@dataclass(frozen=True)
class RepeatUnit:
    """The shortest unit of a periodic chain, with two open ends.

    Attributes:
        key: Canonical SMILES with two ``*``.
        graph: The atoms in the order of the key, open ends included as atoms of number 0. Never change it.
    """

    key: str
    graph: Chem.Mol = field(compare=False, repr=False)

    @cached_property
    def ends(self) -> tuple[int, int]:
        """Positions of the two open ends in ``graph``; what each is bound to is bound to the other's in the chain."""
        first, second = (end.GetIdx() for end in open_ends(self.graph))
        return first, second

    @cached_property
    def joined_atoms(self) -> tuple[int, int]:
        """Positions of the atoms that the ends are bound to; equal for a unit of one chain atom, such as ``*C*``."""
        first, second = (self.graph.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in self.ends)
        return first, second

    @property
    def n_atoms(self) -> int:
        """Atoms other than hydrogen, open ends left out."""
        return int(self.graph.GetNumAtoms()) - 2


def open_ends(graph: Chem.Mol) -> list[Chem.Atom]:
    """The atoms of number 0, in the order of the graph."""
    return [atom for atom in atoms_of(graph) if not atom.GetAtomicNum()]
