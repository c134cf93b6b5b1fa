"""One way to read every kind of material that is given as one line of text."""

from dataclasses import dataclass

from epitaxy_models.compositions import Composition, read_composition
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.molecules import Molecule, read_molecule
from epitaxy_models.polymers import Polymer, read_polymer
from epitaxy_models.structures.intake import Note, Repair

Material = Composition | Molecule | Polymer
"""A material without a crystal: it has a ``key``, a ``constitution``, a ``formula`` and a ``digest``."""

# Part of the name of kept readings: to be raised with any change of what a text is read as, and of keys.
MATERIAL_INTAKE_VERSION = "materials-1"


@dataclass(frozen=True, slots=True)
class MaterialIntake:
    """A material fit for use, and the repairs it took.

    Attributes:
        kind: What it is.
        material: The value, with its canonical key.
        repairs: What reading changed.
        notes: What reading left out.
    """

    kind: MaterialKind
    material: Material
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()


def read_material(kind: MaterialKind, text: str) -> MaterialIntake:
    """The material that a text states.

    Raises InvalidMaterialError with a reason and a remedy, ConfigurationError (UNREADABLE_KIND) for crystal structures,
    which are more than a line of text.
    """
    match kind:
        case MaterialKind.COMPOSITION:
            formula = read_composition(text)
            return MaterialIntake(kind, formula.composition, formula.repairs, formula.notes)
        case MaterialKind.MOLECULE:
            smiles = read_molecule(text)
            return MaterialIntake(kind, smiles.molecule, smiles.repairs, smiles.notes)
        case MaterialKind.POLYMER:
            units = read_polymer(text)
            return MaterialIntake(kind, units.polymer, units.repairs, units.notes)
        case MaterialKind.STRUCTURE:
            raise ConfigurationError("crystal structures are read from files and arrays", reason="UNREADABLE_KIND")
