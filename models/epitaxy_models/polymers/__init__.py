"""Polymers: repeat units read from SMILES with two ``*``, and a key that depends on neither the cut nor the repeats."""

from epitaxy_models.polymers.intake import PolymerIntake, PolymerLimits, PolymerRefusal, PolymerRepair
from epitaxy_models.polymers.polymer import Arrangement, Polymer
from epitaxy_models.polymers.repeat_unit import RepeatUnit
from epitaxy_models.polymers.text import read_polymer

__all__ = [
    "Arrangement",
    "Polymer",
    "PolymerIntake",
    "PolymerLimits",
    "PolymerRefusal",
    "PolymerRepair",
    "RepeatUnit",
    "read_polymer",
]
