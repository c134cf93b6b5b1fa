"""What a material is that consists of one kind of molecule."""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from rdkit import Chem

from epitaxy_models.molecules.canonical import in_order_of_key


@dataclass(frozen=True)
class Molecule:
    """A neutral molecule; equal molecules are equal objects, however they were written.

    Attributes:
        key: Canonical SMILES of RDKit with the stereochemistry that was stated. Isomers, tautomers and mesomeric forms
            are different molecules; what is not stated (R or S, E or Z) is different from what is.
        read: The atoms as they were read, hydrogens implicit; the key is the last SMILES that was written of it. Never
            change it: others share it.
    """

    key: str
    read: Chem.Mol = field(compare=False, repr=False)

    @cached_property
    def graph(self) -> Chem.Mol:
        """The atoms in the order of the key. Never change it: others share it."""
        return in_order_of_key(self.read)

    @cached_property
    def constitution(self) -> str:
        """Canonical SMILES without stereochemistry: the group that splits keep together."""
        if not any(mark in self.key for mark in "@/\\"):
            return self.key
        return str(Chem.MolToSmiles(self.graph, isomericSmiles=False))

    @property
    def formula(self) -> str:
        """The key, which is what chemists read."""
        return self.key

    @property
    def n_atoms(self) -> int:
        """Atoms other than hydrogen."""
        return int(self.read.GetNumAtoms())

    def digest(self) -> bytes:
        """16 bytes that name the molecule."""
        return blake2b(self.key.encode(), digest_size=16).digest()
