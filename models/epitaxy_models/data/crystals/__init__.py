"""Real compounds from published prototypes and lattice parameters, for demonstrations beside measurement."""

from epitaxy_models.data.crystals.builder import BundledCrystal, bundled_crystals, bundled_structures, write_cifs

__all__ = ["BundledCrystal", "bundled_crystals", "bundled_structures", "write_cifs"]
