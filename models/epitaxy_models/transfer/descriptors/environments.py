"""What each site sees: bonds weighed by their length, their stiffness, contrast, directions."""

import math

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.structures.element_table import property_of_elements
from epitaxy_models.transfer.descriptors.contacts import Contacts

Array = NDArray[np.float64]

_LENGTHS = ("coordination", "nearest_distance", "bond_length", "bond_length_std", "bond_stretch", "nearest_stretch")
_STIFFNESS = ("reduced_mass", "inverse_root_reduced_mass", "bond_frequency", "bond_strength", "site_frequency")
_DIRECTIONS = ("polarity", "alignment_min", "alignment_max", "order_4", "order_6")
# Mean differences along bonds (Ward et al., Phys. Rev. B 96, 024104 (2017)).
_CONTRASTS = (
    "electronegativity",
    "mendeleev_number",
    "covalent_radius",
    "valence",
    "melting_point",
    "ionization_energy_1",
    "atomic_mass",
)
ENVIRONMENT_NAMES = (
    *_LENGTHS,
    *_STIFFNESS,
    *_DIRECTIONS,
    "bond_ionic_character",
    *(f"{name}_contrast" for name in _CONTRASTS),
)

_RADII, _MASSES, _NEGATIVITIES = map(property_of_elements, ("covalent_radius", "atomic_mass", "electronegativity"))
_CONTRAST_TABLE = np.stack([property_of_elements(name) for name in _CONTRASTS], axis=1)
# Of Brown & Altermatt, Acta Cryst. B 41, 244 (1985): strength falls by e each so many Angstrom.
_SOFTNESS = 0.37
# Lighter bonds show in no angle.
_NEGLIGIBLE = 1e-5


def environment_features(numbers: NDArray[np.uint8], contacts: Contacts, reach: float) -> tuple[Array, Array]:
    """Features ``[n_sites, len(ENVIRONMENT_NAMES)]``, and the weights of the contacts as bonds ``[n_pairs]``.

    A site without contacts has zeros, but for its distances: those are where contacts would begin.
    """
    weights = bond_weights(contacts.rows, contacts.distances)
    widths = _lengths(contacts, weights, numbers, _RADII, reach)
    stiffness = _stiffness(contacts, weights, numbers, _MASSES, _NEGATIVITIES)
    directions = _directions(contacts, weights)
    contrasts = _contrasts(contacts, weights, numbers, _NEGATIVITIES, _CONTRAST_TABLE)
    return np.concatenate([widths, stiffness, directions, contrasts], axis=1), weights


@compiled()
def bond_weights(rows: NDArray[np.int32], distances: Array) -> Array:
    """Weights, smooth in the distances, that sum to the effective coordination number of each centre.

    Hoppe, Z. Kristallogr. 150, 23 (1979).
    """
    weights = np.zeros(len(distances))
    for i in range(len(rows) - 1):
        if rows[i] == rows[i + 1]:
            continue
        own = distances[rows[i] : rows[i + 1]]
        mean = own.min()
        for _ in range(4):
            terms = np.exp(1.0 - (own / mean) ** 6)
            mean = (terms * own).sum() / terms.sum()
        weights[rows[i] : rows[i + 1]] = np.exp(1.0 - (own / mean) ** 6)
    return weights


@compiled()
def _lengths(contacts: Contacts, weights: Array, numbers: NDArray[np.uint8], radii: Array, reach: float) -> Array:
    rows, others, distances = contacts.rows, contacts.others, contacts.distances
    features = np.zeros((len(numbers), 6))
    for i in range(len(numbers)):
        own = radii[numbers[i]]
        nearest, nearest_stretch = 2 * own + reach, 1 + reach / (2 * own)
        if rows[i] == rows[i + 1]:
            features[i] = np.array([0.0, nearest, nearest, 0.0, nearest_stretch, nearest_stretch])
            continue
        total = weights[rows[i] : rows[i + 1]].sum()
        mean, stretch, variance = 0.0, 0.0, 0.0
        for edge in range(rows[i], rows[i + 1]):
            relative = distances[edge] / (own + radii[numbers[others[edge]]])
            mean += weights[edge] / total * distances[edge]
            stretch += weights[edge] / total * relative
            nearest, nearest_stretch = min(nearest, distances[edge]), min(nearest_stretch, relative)
        for edge in range(rows[i], rows[i + 1]):
            variance += weights[edge] / total * (distances[edge] - mean) ** 2
        features[i] = np.array([total, nearest, mean, math.sqrt(variance), stretch, nearest_stretch])
    return features


@compiled()
def _stiffness(
    contacts: Contacts, weights: Array, numbers: NDArray[np.uint8], masses: Array, negativities: Array
) -> Array:
    """Reduced masses, and what frequencies follow from two guesses of force constants, in units of their own."""
    rows, others, distances, excess = contacts.rows, contacts.others, contacts.distances, contacts.excess
    features = np.zeros((len(numbers), 5))
    for i in range(len(numbers)):
        total = weights[rows[i] : rows[i + 1]].sum()
        mass, force = masses[numbers[i]], 0.0
        for edge in range(rows[i], rows[i + 1]):
            other = numbers[others[edge]]
            reduced = mass * masses[other] / (mass + masses[other])
            strength = math.exp(-excess[edge] / _SOFTNESS)
            features[i, 0] += weights[edge] / total * reduced
            features[i, 1] += weights[edge] / total / math.sqrt(reduced)
            features[i, 2] = max(features[i, 2], math.sqrt(strength / reduced))
            features[i, 3] += strength
            # Gordy's rule for force constants, J. Chem. Phys. 14, 305 (1946), with the weight as bond order.
            force += weights[edge] * (negativities[numbers[i]] * negativities[other] / distances[edge] ** 2) ** 0.75
        features[i, 4] = math.sqrt(force / mass)
    return features


@compiled()
def _directions(contacts: Contacts, weights: Array) -> Array:
    """Length of the mean bond, extreme eigenvalues of the bonds' tensor, orders of fourfold and sixfold kind.

    The orders are squared bond-orientational parameters (Steinhardt, Nelson & Ronchetti, Phys. Rev. B 28, 784 (1983)).
    """
    rows, vectors, distances = contacts.rows, contacts.vectors, contacts.distances
    features = np.zeros((len(rows) - 1, 5))
    for i in range(len(rows) - 1):
        if rows[i] == rows[i + 1]:
            continue
        bonds = np.flatnonzero(weights[rows[i] : rows[i + 1]] > _NEGLIGIBLE) + rows[i]
        shares = weights[bonds] / weights[bonds].sum()
        units = vectors[bonds] / distances[bonds].reshape(-1, 1)
        mean = shares @ units
        eigenvalues = np.linalg.eigvalsh((units * shares.reshape(-1, 1)).T @ units)
        features[i, 0] = math.sqrt((mean * mean).sum())
        features[i, 1], features[i, 2] = eigenvalues[0], eigenvalues[2]
        cosines = units @ units.T
        for first in range(len(bonds)):
            for second in range(len(bonds)):
                c = cosines[first, second] ** 2
                pair = shares[first] * shares[second]
                features[i, 3] += pair * (35 * c**2 - 30 * c + 3) / 8
                features[i, 4] += pair * (231 * c**3 - 315 * c**2 + 105 * c - 5) / 16
    return features


@compiled()
def _contrasts(
    contacts: Contacts, weights: Array, numbers: NDArray[np.uint8], negativities: Array, properties: Array
) -> Array:
    """Pauling's ionic character of the bonds, and differences of the ``properties`` ``[119, n]``."""
    rows, others = contacts.rows, contacts.others
    features = np.zeros((len(numbers), 1 + properties.shape[1]))
    for i in range(len(numbers)):
        total = weights[rows[i] : rows[i + 1]].sum()
        for edge in range(rows[i], rows[i + 1]):
            own, other, share = numbers[i], numbers[others[edge]], weights[edge] / total
            features[i, 0] += share * (1 - math.exp(-0.25 * (negativities[own] - negativities[other]) ** 2))
            for k in range(properties.shape[1]):
                features[i, 1 + k] += share * abs(properties[own, k] - properties[other, k])
    return features
