"""Molecules: read from SMILES and MOL blocks, checked, with a key that does not depend on how they are written."""

from epitaxy_models.molecules.intake import MoleculeIntake, MoleculeLimits, MoleculeRefusal, MoleculeRepair
from epitaxy_models.molecules.molecule import Molecule
from epitaxy_models.molecules.text import read_molecule

__all__ = [
    "Molecule",
    "MoleculeIntake",
    "MoleculeLimits",
    "MoleculeRefusal",
    "MoleculeRepair",
    "read_molecule",
]
