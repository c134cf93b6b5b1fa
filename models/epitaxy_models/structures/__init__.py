"""Crystal structures: the type, its intake from texts, blocks and columns, and the checks that all of them pass."""

from epitaxy_models.structures.checks import check_structure
from epitaxy_models.structures.dataset_column import structure_from_column, structure_to_column
from epitaxy_models.structures.intake import (
    INTAKE_VERSION,
    Intake,
    IntakeLimits,
    Note,
    NoteCode,
    RefusalReason,
    Repair,
    RepairCode,
)
from epitaxy_models.structures.packed import PackedBlock, pack_structures, unpack_structures
from epitaxy_models.structures.structure import Structure, reduced_formula
from epitaxy_models.structures.text_formats import TextFormat, read_single, read_text

__all__ = [
    "INTAKE_VERSION",
    "Intake",
    "IntakeLimits",
    "Note",
    "NoteCode",
    "PackedBlock",
    "RefusalReason",
    "Repair",
    "RepairCode",
    "Structure",
    "TextFormat",
    "check_structure",
    "pack_structures",
    "read_single",
    "read_text",
    "reduced_formula",
    "structure_from_column",
    "structure_to_column",
    "unpack_structures",
]
