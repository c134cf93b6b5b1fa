"""What reading a molecule answers: the molecule with the repairs it took, or a refusal with reason and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.molecules.molecule import Molecule
from epitaxy_models.structures.intake import Note, Repair


class MoleculeRefusal(StrEnum):
    """Stable reasons of ``InvalidMaterialError`` raised for molecules and polymers."""

    EMPTY_MOLECULE = "EMPTY_MOLECULE"
    # Not SMILES: brackets, ring closures, symbols.
    UNREADABLE_SMILES = "UNREADABLE_SMILES"
    UNKNOWN_ELEMENT = "UNKNOWN_ELEMENT"
    # An atom has more bonds than its element can have.
    IMPOSSIBLE_VALENCE = "IMPOSSIBLE_VALENCE"
    # A ring is written as aromatic and has no alternating double bonds.
    IMPOSSIBLE_AROMATICITY = "IMPOSSIBLE_AROMATICITY"
    # A net charge.
    CHARGED_MOLECULE = "CHARGED_MOLECULE"
    # Several ions: a salt.
    SALT = "SALT"
    # Several neutral molecules in one SMILES.
    SEVERAL_MOLECULES = "SEVERAL_MOLECULES"
    # Unpaired electrons.
    RADICAL = "RADICAL"
    # Open ends (*): none in a molecule, two in a polymer's repeat unit.
    WILDCARD_COUNT = "WILDCARD_COUNT"
    # Query features such as [C,N] or ring bonds "~".
    QUERY = "QUERY"
    TOO_MANY_ATOMS = "TOO_MANY_ATOMS"
    TOO_MANY_RINGS = "TOO_MANY_RINGS"
    TOO_LARGE = "TOO_LARGE"


class MoleculeRepair(StrEnum):
    """Stable codes of what reading changed; reported only if something did change."""

    DROPPED_ISOTOPES = "DROPPED_ISOTOPES"
    DROPPED_ATOM_MAPS = "DROPPED_ATOM_MAPS"
    # Text after the SMILES: a name, or ChemAxon's extensions in "|...|".
    DROPPED_NAME = "DROPPED_NAME"
    # "CN(=O)=O", with five bonds at nitrogen, is written with charges: "C[N+](=O)[O-]".
    SEPARATED_CHARGES = "SEPARATED_CHARGES"
    # A mark of stereochemistry at an atom or bond that has none.
    DROPPED_STEREO = "DROPPED_STEREO"


@dataclass(frozen=True, slots=True)
class MoleculeIntake:
    """A molecule fit for use, and the repairs it took."""

    molecule: Molecule
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class MoleculeLimits:
    """Bounds of what is read; they also bound the time that RDKit takes, which cannot be stopped once it runs.

    Attributes:
        max_text_length: Characters of a SMILES.
        max_atoms: Atoms other than hydrogen.
        max_rings: Independent rings.
    """

    max_text_length: int = 2000
    max_atoms: int = 300
    max_rings: int = 60

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")


DEFAULT_LIMITS = MoleculeLimits()


def refusal(reason: MoleculeRefusal, message: str) -> InvalidMaterialError:
    """The error of a molecule that cannot be used; the message names the remedy."""
    return InvalidMaterialError(message, reason=reason)
