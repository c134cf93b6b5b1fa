"""Small crystals with known symmetry."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure

_FACE_CENTRED = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
_HEXAGONAL = np.array([[1.0, 0.0, 0.0], [-0.5, np.sqrt(0.75), 0.0], [0.0, 0.0, 1.0]])


def rock_salt() -> Structure:
    """NaCl, primitive cell; two classes of atoms."""
    return _structure(5.640 * _FACE_CENTRED, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])


def diamond() -> Structure:
    """Diamond, primitive cell of two atoms; one class of atoms."""
    return _structure(3.567 * _FACE_CENTRED, [6, 6], [[0, 0, 0], [0.25, 0.25, 0.25]])


def perovskite() -> Structure:
    """Cubic SrTiO3; three classes of atoms."""
    frac = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    return _structure(3.905 * np.eye(3), [38, 22, 8, 8, 8], frac)


def wurtzite() -> Structure:
    """ZnO; two classes of atoms."""
    lattice = np.array([[3.250], [3.250], [5.207]]) * _HEXAGONAL
    frac = [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.382], [2 / 3, 1 / 3, 0.882]]
    return _structure(lattice, [30, 30, 8, 8], frac)


def triclinic() -> Structure:
    """Six sites without any symmetry; six classes of atoms."""
    lattice = np.array([[4.9, 0.0, 0.0], [1.1, 5.6, 0.0], [-0.7, 1.9, 6.3]])
    frac = [
        [0.04, 0.11, 0.07],
        [0.52, 0.43, 0.16],
        [0.13, 0.78, 0.35],
        [0.71, 0.08, 0.55],
        [0.36, 0.57, 0.68],
        [0.86, 0.84, 0.87],
    ]
    return _structure(lattice, [26, 8, 16, 57, 8, 13], frac)


def lone_atom() -> Structure:
    """One atom in a box so large that it has no neighbour."""
    return _structure(40.0 * np.eye(3), [18], [[0.5, 0.5, 0.5]])


def specimens() -> Mapping[str, Structure]:
    """All of the above by name."""
    makers = (rock_salt, diamond, perovskite, wurtzite, triclinic, lone_atom)
    return MappingProxyType({maker.__name__: maker() for maker in makers})


def _structure(lattice: NDArray[np.float64], numbers: list[int], frac: list[list[float]]) -> Structure:
    return Structure(lattice, np.array(numbers, dtype=np.uint8), np.array(frac, dtype=np.float64))
