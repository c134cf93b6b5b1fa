"""Features of the geometry of a crystal as a whole."""

import math

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.structures.element_table import property_of_elements
from epitaxy_models.structures.kernel_arrays import kernel_arrays
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.descriptors.contacts import Contacts, find_contacts
from epitaxy_models.transfer.descriptors.environments import ENVIRONMENT_NAMES, environment_features
from epitaxy_models.transfer.descriptors.networks import connection_lengths, layer_shape

Array = NDArray[np.float64]

_STATISTICS = ("mean", "std", "min", "max")
# Excess lengths, Angstrom, at which the density of contacts is read, through Gaussians as wide as half their spacing.
_CONTACT_GRID = np.arange(-0.75, 3.0, 0.5)
_CONTACT_WIDTH = 0.25

GEOMETRY_NAMES = (
    "volume_per_atom",
    "log_volume_per_atom",
    "density",
    "packing_fraction",
    *(f"{statistic}_{name}" for statistic in _STATISTICS for name in ENVIRONMENT_NAMES),
    *(f"contacts_at_{excess:g}" for excess in _CONTACT_GRID),
    *(f"bond_tensor_{which}" for which in ("min", "mid", "max")),
    *(f"{network}_length" for network in ("chain", "layer", "framework")),
    "layer_gap",
    "area_per_atom",
    "layer_thickness",
    "layer_deviation",
    "mass_per_area",
)

_RADII, _MASSES = property_of_elements("covalent_radius"), property_of_elements("atomic_mass")
# Angstrom beyond the sum of covalent radii: layers of fluorides and hydrides lie 1.9 apart, noble gases a little more.
_REACH = 3.0
# Crystals become layered between these gaps, Angstrom; a step would tear equal crystals apart by their last digits.
_GAP_START, _GAP_END = 0.1, 0.5
_GRAMS_PER_CM3 = 1.66053907


def geometry_features(structure: Structure) -> Array:
    """Features ``[len(GEOMETRY_NAMES)]``, lengths in Angstrom, masses in u, density in g/cm^3."""
    lattice, frac, numbers = kernel_arrays(structure)
    contacts = find_contacts(lattice, frac, _RADII[numbers], _REACH)
    sites, weights = environment_features(numbers, contacts, _REACH)
    spreads = (sites.mean(axis=0), sites.std(axis=0), sites.min(axis=0), sites.max(axis=0))
    density = _contact_density(contacts, _CONTACT_GRID, _CONTACT_WIDTH, _REACH)
    volume = structure.volume
    tensor = _bond_tensor(contacts, weights)
    return np.concatenate(
        [_cell(numbers, volume), *spreads, density, tensor, _connectivity(structure, volume, contacts)]
    )


def _cell(numbers: NDArray[np.uint8], volume: float) -> Array:
    an_atom = volume / len(numbers)
    density = _GRAMS_PER_CM3 * _MASSES[numbers].sum() / volume
    packing = 4 / 3 * np.pi * (_RADII[numbers] ** 3).sum() / volume
    return np.array([an_atom, np.log(an_atom), density, packing])


@compiled()
def _contact_density(contacts: Contacts, grid: Array, width: float, reach: float) -> Array:
    """Contacts an atom about each length of the grid, faded out towards the reach."""
    density = np.zeros(len(grid))
    for excess in contacts.excess:
        fade = (1 - (max(excess, 0.0) / reach) ** 2) ** 2
        for point in range(len(grid)):
            density[point] += fade * math.exp(-0.5 * ((excess - grid[point]) / width) ** 2)
    return density / (len(contacts.rows) - 1)


@compiled()
def _bond_tensor(contacts: Contacts, weights: Array) -> Array:
    """Eigenvalues of the mean outer product of bond directions: a third each in a cubic crystal, 0 across a layer."""
    units = contacts.vectors / contacts.distances.reshape(-1, 1)
    shares = weights / max(weights.sum(), 1e-12)
    return np.linalg.eigvalsh((units * shares.reshape(-1, 1)).T @ units)


def _connectivity(structure: Structure, volume: float, contacts: Contacts) -> Array:
    """Lengths at which networks appear, and the shape of layers; that of single atoms where there are none."""
    lengths = connection_lengths(contacts, _REACH)
    gap = lengths[2] - lengths[1]
    an_atom = volume / structure.n_sites
    shape = np.array([an_atom ** (2 / 3), an_atom ** (1 / 3), 0.0])
    layeredness = min(max((gap - _GAP_START) / (_GAP_END - _GAP_START), 0.0), 1.0)
    if layeredness > 0:
        middle = 0.5 * (lengths[1] + lengths[2])
        lattice, frac, _ = kernel_arrays(structure)
        layers = layer_shape(lattice, frac, contacts, middle)
        shape += layeredness * (layers - shape)
    mass = _MASSES[structure.atomic_numbers].mean()
    return np.array([*lengths, gap, *shape, mass / shape[0]])
