"""Compositions: materials of which only the elements and their amounts are known, read from texts and tables."""

from epitaxy_models.compositions.composition import Composition
from epitaxy_models.compositions.intake import (
    CompositionIntake,
    CompositionLimits,
    CompositionRefusal,
    CompositionRepair,
)
from epitaxy_models.compositions.shares import Basis, Shares
from epitaxy_models.compositions.text import composition_of_atoms, read_composition

__all__ = [
    "Basis",
    "Composition",
    "CompositionIntake",
    "CompositionLimits",
    "CompositionRefusal",
    "CompositionRepair",
    "Shares",
    "composition_of_atoms",
    "read_composition",
]
