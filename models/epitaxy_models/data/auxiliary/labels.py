"""Auxiliary labels: numbers that follow from the structure, or from its formula and one table."""

import warnings
from collections.abc import Mapping
from math import log, log2, log10

import gemmi
import numpy as np
import spglib
from numpy.typing import NDArray

from epitaxy_models.graphs.neighbours import neighbours_within
from epitaxy_models.structures.masses import ATOMIC_MASSES
from epitaxy_models.structures.radii import COVALENT_RADII
from epitaxy_models.structures.structure import Structure

# Pairs within this many sums of their covalent radii are bonded.
_BOND_REACH = 1.25
_SYMMETRY_TOLERANCE = 0.02
# Grams per cubic centimetre of one atomic mass unit per cubic Angstrom.
_DENSITY_UNIT = 1.66053907

# Label columns by what they teach; a group is tried, kept or dropped as a whole.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "density": ("log_volume_per_atom_1", "packing_fraction_1"),
    "mass": ("log_density_1", "log_mass_mean_1", "log_mass_min_1"),
    "coordination": ("coordination_mean_1", "coordination_std_1", "contact_ratio_mean_1"),
    "symmetry": ("log2_point_group_order_1", "is_centrosymmetric_1", "orbits_per_atom_1"),
    "stiffness": ("log10_bulk_modulus_1", "log10_debye_1"),
    "strain": ("strain_log_volume_1",),
    "strain_energy": ("strain_energy_eV_atom",),
    "rattle": ("rattle_A",),
}


def structure_labels(structure: Structure, *, symmetry: bool = True) -> dict[str, float]:
    """Labels of the groups density, mass, coordination and symmetry; natural logarithms of A^3/atom, u and g/cm^3.

    Finding the space group takes most of the time; without ``symmetry`` its columns are NaN.
    """
    found = _symmetry(structure) if symmetry else dict.fromkeys(GROUPS["symmetry"], float("nan"))
    return _density(structure) | _coordination(structure) | found


def _density(structure: Structure) -> dict[str, float]:
    masses = ATOMIC_MASSES[structure.atomic_numbers]
    spheres = 4.18879 * (COVALENT_RADII[structure.atomic_numbers] ** 3).sum()
    return {
        "log_volume_per_atom_1": log(structure.volume / structure.n_sites),
        "packing_fraction_1": float(spheres / structure.volume),
        "log_density_1": log(masses.sum() / structure.volume * _DENSITY_UNIT),
        "log_mass_mean_1": log(masses.mean()),
        "log_mass_min_1": log(masses.min()),
    }


def _coordination(structure: Structure) -> dict[str, float]:
    radii = COVALENT_RADII[structure.atomic_numbers]
    centres, others, distances = neighbours_within(
        np.ascontiguousarray(structure.lattice),
        np.ascontiguousarray(structure.frac_coords),
        2.0 * _BOND_REACH * float(radii.max()),
    )
    ratios = distances / (radii[centres] + radii[others])
    numbers = np.bincount(centres[ratios < _BOND_REACH], minlength=structure.n_sites)
    nearest = np.full(structure.n_sites, _BOND_REACH)
    np.minimum.at(nearest, centres, ratios)
    return {
        "coordination_mean_1": float(numbers.mean()),
        "coordination_std_1": float(numbers.std()),
        "contact_ratio_mean_1": float(nearest.mean()),
    }


def _symmetry(structure: Structure) -> dict[str, float]:
    """NaN if no space group is found."""
    cell = (structure.lattice.tolist(), structure.frac_coords.tolist(), structure.atomic_numbers.tolist())
    with warnings.catch_warnings():
        # spglib announces exceptions in place of None; its switch for them would change pymatgen's calls too.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = spglib.get_symmetry_dataset(cell, symprec=_SYMMETRY_TOLERANCE)
    if found is None:
        return dict.fromkeys(GROUPS["symmetry"], float("nan"))
    # Of the space group, not of the cell as given: a repeated cell shows fewer operations.
    group = gemmi.find_spacegroup_by_number(found.number)
    n_primitive = len(np.unique(found.mapping_to_primitive))
    return {
        "log2_point_group_order_1": log2(len(group.operations().sym_ops)),
        "is_centrosymmetric_1": float(group.is_centrosymmetric()),
        "orbits_per_atom_1": len(np.unique(found.crystallographic_orbits)) / n_primitive,
    }


def stiffness_labels(structure: Structure, log10_bulk_modulus: float) -> dict[str, float]:
    """Logarithm of the bulk modulus, GPa, and of a Debye-like frequency ``sqrt(K v^(1/3) / m)``, arbitrary units."""
    volume = structure.volume / structure.n_sites
    mass = float(ATOMIC_MASSES[structure.atomic_numbers].mean())
    frequency = 0.5 * (log10_bulk_modulus + log10(volume) / 3 - log10(mass))
    return {"log10_bulk_modulus_1": log10_bulk_modulus, "log10_debye_1": frequency}


def stretched(structure: Structure, log_volume: float) -> Structure:
    """The same crystal with its volume multiplied by ``exp(log_volume)``; every symmetry is kept."""
    return Structure(structure.lattice * np.exp(log_volume / 3), structure.atomic_numbers, structure.frac_coords)


def strain_energy(structure: Structure, log10_bulk_modulus: float, log_volume: float) -> float:
    """Harmonic energy of a volume change, eV/atom: ``K v ln(V/V0)^2 / 2``."""
    bulk_modulus = 10**log10_bulk_modulus / 160.21766
    return 0.5 * bulk_modulus * structure.volume / structure.n_sites * log_volume**2


def rattled(structure: Structure, amplitude: float, generator: np.random.Generator) -> Structure:
    """Every atom displaced by a normal deviate of ``amplitude`` Angstrom along each axis."""
    shifts: NDArray[np.float64] = generator.normal(0.0, amplitude, (structure.n_sites, 3))
    moved = structure.frac_coords + shifts @ np.linalg.inv(structure.lattice)
    return Structure(structure.lattice, structure.atomic_numbers, moved % 1.0)
