"""Crystals that come of a replacement: the source's sites, other ions, the volume that their radii ask for."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from pymatgen.core import Composition
from pymatgen.core.structure_prediction.volume_predictor import RLSVolumePredictor

from epitaxy_models.candidates.charges import Ion, IonicCrystal
from epitaxy_models.candidates.substitutes import Replacement
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import check_structure
from epitaxy_models.structures.elements import atomic_number_of
from epitaxy_models.structures.structure import Structure

IMPLAUSIBLE_VOLUME, NO_RADIUS = "IMPLAUSIBLE_VOLUME", "NO_RADIUS"
# Beyond these the radii of the table say that the new ions do not fit the structure type.
_VOLUME_RATIOS = (0.4, 2.5)
# Reference lattice scaling by ionic radii (atomic ones where an ion has none): KCl from NaCl within 3 % of its volume,
# where pymatgen's data-mined bond lengths miss it by 30 %. The source is isostructural by construction.
_VOLUMES = RLSVolumePredictor(check_isostructural=False, use_bv=False)


@dataclass(frozen=True, slots=True)
class _Sized:
    """What the predictor reads of a pymatgen structure; a real one for each candidate would take milliseconds."""

    composition: Composition
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A crystal with replaced ions.

    Attributes:
        structure: Checked.
        volume_ratio: Predicted volume over the source's.
    """

    structure: Structure
    volume_ratio: float


def child_of(source: IonicCrystal, replacement: Replacement) -> Child:
    """The crystal with the new ions.

    Raises InvalidStructureError (IMPLAUSIBLE_VOLUME, NO_RADIUS, OVERLAPPING_ATOMS).
    """
    ratio = _volume_ratio(source, replacement.ions)
    low, high = _VOLUME_RATIOS
    if not low <= ratio <= high:
        raise InvalidStructureError(
            f"the new ions would change the volume by a factor of {ratio:.2f}, outside of {low} to {high}",
            reason=IMPLAUSIBLE_VOLUME,
        )
    numbers = np.array([atomic_number_of(ion.symbol) for ion in replacement.ions], dtype=np.uint8)
    made = Structure(
        source.structure.lattice * ratio ** (1 / 3), numbers[source.ion_of_site], source.structure.frac_coords
    )
    return Child(check_structure(made).structure, ratio)


def substitution_text(source: IonicCrystal, replacement: Replacement) -> str:
    """``"Na+ -> K+"`` for each ion that changes."""
    pairs = zip(source.ions, replacement.ions, strict=True)
    return ", ".join(f"{old.name} -> {new.name}" for old, new in pairs if old != new)


def _volume_ratio(source: IonicCrystal, ions: Sequence[Ion]) -> float:
    before, after = _sized(source, source.ions), _sized(source, ions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ions without a radius: the predictor then takes atomic radii
        try:
            return float(_VOLUMES.predict(cast(Any, after), cast(Any, before))) / before.volume
        except TypeError as error:  # an atomic radius is None
            names = ", ".join(
                sorted({ion.symbol for ion in (*source.ions, *ions) if ion.species.atomic_radius is None})
            )
            raise InvalidStructureError(f"no radius of {names} is known", reason=NO_RADIUS) from error


def _sized(source: IonicCrystal, ions: Sequence[Ion]) -> _Sized:
    amounts: dict[Any, float] = {}
    for ion, count in zip(ions, source.counts.tolist(), strict=True):
        amounts[ion.species] = amounts.get(ion.species, 0.0) + count
    return _Sized(Composition(amounts), source.structure.volume)
