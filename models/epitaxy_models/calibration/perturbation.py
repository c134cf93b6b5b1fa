"""Crystals that are none: strained, rattled, or of other elements than their lattice was relaxed with.

A domain that was shown some (outlier exposure: Hendrycks, Mazeika & Dietterich, ICLR 2019) sees others better.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure

# Largest principal strain, and displacement of atoms in Angstrom (standard deviation a direction).
_STRAINS, _DISPLACEMENTS, _SMALL_DISPLACEMENTS = (0.03, 0.15), (0.06, 0.3), (0.03, 0.15)


def stretched(structure: Structure, factor: float) -> Structure:
    """All lengths times ``factor``."""
    return Structure(structure.lattice * factor, structure.atomic_numbers, structure.frac_coords)


def rattled(structure: Structure, sigma: float, random: np.random.Generator) -> Structure:
    """Atoms moved by normal noise of ``sigma`` Angstrom in each direction."""
    moved = structure.cart_coords + random.normal(0, sigma, (structure.n_sites, 3))
    frac = moved @ np.linalg.inv(structure.lattice)
    return Structure(structure.lattice, structure.atomic_numbers, frac - np.floor(frac))


def strained(structure: Structure, largest: float, random: np.random.Generator) -> Structure:
    """A random symmetric strain, one time in two the same in all directions; ``largest`` in size."""
    noise = random.normal(size=(3, 3))
    strain = noise + noise.T if random.random() < 0.5 else np.eye(3) * random.choice((-1.0, 1.0))
    strain *= largest / np.abs(np.linalg.eigvalsh(strain)).max()
    return Structure(structure.lattice @ (np.eye(3) + strain), structure.atomic_numbers, structure.frac_coords)


def substituted(structure: Structure, elements: NDArray[np.uint8], random: np.random.Generator) -> Structure:
    """Each element replaced by a random one of ``elements``, the cell left as it is."""
    present = np.unique(structure.atomic_numbers)
    table = np.zeros(256, dtype=np.uint8)
    table[present] = random.choice(elements, len(present))
    return Structure(structure.lattice, table[structure.atomic_numbers], structure.frac_coords)


def perturbed(structures: Sequence[Structure], elements: NDArray[np.uint8], seed: int) -> Iterator[Structure]:
    """One perturbation of each structure: strained, rattled, both, or substituted, in equal shares at random."""
    random = np.random.default_rng(seed)
    for structure in structures:
        kind = random.integers(4)
        if kind == 0:
            yield strained(structure, random.uniform(*_STRAINS), random)
        elif kind == 1:
            yield rattled(structure, random.uniform(*_DISPLACEMENTS), random)
        elif kind == 2:
            yield strained(
                rattled(structure, random.uniform(*_SMALL_DISPLACEMENTS), random), random.uniform(*_STRAINS), random
            )
        else:
            yield substituted(structure, elements, random)
