"""Other descriptions of one crystal: what a physical model must not notice."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.structure import Structure


def translated(structure: Structure, shift: NDArray[np.float64]) -> Structure:
    """The crystal with its origin moved by ``shift`` (fractional, shape ``[3]``)."""
    return Structure(structure.lattice, structure.atomic_numbers, _wrapped(structure.frac_coords + shift))


def turned(structure: Structure, operation: NDArray[np.float64]) -> Structure:
    """The crystal under an orthogonal operation ``[3, 3]``: a rotation, or one with a reflection."""
    return Structure(structure.lattice @ operation.T, structure.atomic_numbers, structure.frac_coords)


def permuted(structure: Structure, order: NDArray[np.int64]) -> Structure:
    """The crystal with its sites listed in another order, shape ``[n_sites]``."""
    return Structure(structure.lattice, structure.atomic_numbers[order], structure.frac_coords[order])


def repeated(structure: Structure, times: tuple[int, int, int]) -> Structure:
    """The crystal as a supercell, ``times`` along each lattice vector."""
    counts = np.array(times)
    shifts = np.indices(times).reshape(3, -1).T
    frac = (structure.frac_coords[None, :, :] + shifts[:, None, :]) / counts
    numbers = np.tile(structure.atomic_numbers, len(shifts))
    return Structure(structure.lattice * counts[:, None], numbers, frac.reshape(-1, 3))


def rebased(structure: Structure, basis: NDArray[np.int64]) -> Structure:
    """The crystal in the cell ``basis @ lattice``; ``basis`` is an integer matrix of determinant 1 or -1."""
    frac = structure.frac_coords @ np.linalg.inv(basis.astype(np.float64))
    return Structure(basis @ structure.lattice, structure.atomic_numbers, _wrapped(frac))


def scaled(structure: Structure, factor: float) -> Structure:
    """Another crystal: every length times ``factor``."""
    return Structure(structure.lattice * factor, structure.atomic_numbers, structure.frac_coords)


def displaced(structure: Structure, amplitude_angstrom: float, seed: int) -> Structure:
    """Another crystal: every site moved by normal noise of that amplitude along each axis."""
    moves = np.random.default_rng(seed).normal(scale=amplitude_angstrom, size=structure.frac_coords.shape)
    frac = structure.frac_coords + moves @ np.linalg.inv(structure.lattice)
    return Structure(structure.lattice, structure.atomic_numbers, _wrapped(frac))


def random_rotation(seed: int, *, proper: bool = True) -> NDArray[np.float64]:
    """Orthogonal matrix of determinant 1, or -1 if it is not proper, ``[3, 3]``."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    wanted = 1.0 if proper else -1.0
    return np.asarray(matrix * wanted * np.sign(np.linalg.det(matrix)), dtype=np.float64)


def random_basis(seed: int, n_steps: int = 4) -> NDArray[np.int64]:
    """Integer matrix of determinant 1: sums of one lattice vector and another, ``[3, 3]``."""
    generator = np.random.default_rng(seed)
    basis = np.eye(3, dtype=np.int64)
    for _ in range(n_steps):
        row, other = generator.choice(3, size=2, replace=False)
        basis[row] += generator.choice([-1, 1]) * basis[other]
    return basis


def _wrapped(frac: NDArray[np.float64]) -> NDArray[np.float64]:
    # Rounding can wrap a tiny negative coordinate to 1 itself, which the half-open cell does not hold.
    inside = frac % 1.0
    return np.where(inside >= 1.0, 0.0, inside)
