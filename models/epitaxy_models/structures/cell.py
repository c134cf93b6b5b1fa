"""Geometry of the unit cell in plain floats: three by three is too small for array calls to pay."""

from itertools import product
from math import acos, cos, degrees, hypot, isfinite, radians, sqrt

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import IntakeLimits, RefusalReason

Spacings = tuple[float, float, float]

# Exact cosines keep hexagonal and cubic cells exact: cos(pi/2) in floats is 6e-17.
_EXACT_COSINES = {60.0: 0.5, 90.0: 0.0, 120.0: -0.5}
_MAX_REDUCTION_STEPS = 200
# A step must shorten by more than rounding noise, or reduction could cycle.
_SHORTER = 1.0 - 1e-9


def lattice_from_parameters(
    lengths: list[float], angles_degrees: list[float], limits: IntakeLimits
) -> NDArray[np.float64]:
    """Row vectors of the cell, ``a`` along x and ``b`` in the xy plane, Angstrom, shape ``[3, 3]``.

    Raises InvalidStructureError (NON_FINITE, DEGENERATE_CELL).
    """
    _check_lengths(lengths, limits)
    alpha, beta, gamma = angles_degrees
    if not all(map(isfinite, angles_degrees)):
        raise InvalidStructureError(
            f"cell angles {_join(angles_degrees)} must be finite numbers", reason=RefusalReason.NON_FINITE
        )
    a, b, c = lengths
    cos_alpha, cos_beta, cos_gamma = _cosine(alpha), _cosine(beta), _cosine(gamma)
    fullness_squared = 1 - cos_alpha**2 - cos_beta**2 - cos_gamma**2 + 2 * cos_alpha * cos_beta * cos_gamma
    in_range = 0 < alpha < 180 and 0 < beta < 180 and 0 < gamma < 180
    if not in_range or fullness_squared < limits.min_cell_fullness**2:
        raise InvalidStructureError(
            f"cell angles {_join(angles_degrees)} degrees enclose no volume: correct the angles",
            reason=RefusalReason.DEGENERATE_CELL,
        )
    sin_gamma = sqrt(1 - cos_gamma**2)
    # Flat, then shaped: half the time of nested lists.
    vector_a = (a, 0.0, 0.0)
    vector_b = (b * cos_gamma, b * sin_gamma, 0.0)
    c_along_b = c * (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    vector_c = (c * cos_beta, c_along_b, c * sqrt(fullness_squared) / sin_gamma)
    return np.array(vector_a + vector_b + vector_c).reshape(3, 3)


def check_cell(lattice: NDArray[np.float64], limits: IntakeLimits) -> None:
    """Raise InvalidStructureError (NON_FINITE, DEGENERATE_CELL) for a cell that no crystal has."""
    rows = lattice.tolist()
    lengths = [hypot(*row) for row in rows]
    _check_lengths(lengths, limits)
    a, b, c = rows
    volume = abs(_dot(a, _cross(b, c)))
    if volume < limits.min_cell_fullness * lengths[0] * lengths[1] * lengths[2]:
        angles = [_angle(b, c), _angle(a, c), _angle(a, b)]
        raise InvalidStructureError(
            f"cell volume is {volume:.3g} cubic Angstrom at lengths {_join(lengths)} Angstrom and angles "
            f"{_join(angles)} degrees: the lattice vectors must not lie in one plane",
            reason=RefusalReason.DEGENERATE_CELL,
        )


def plane_spacings(lattice: NDArray[np.float64]) -> Spacings:
    """Distances between the lattice planes across each of the three vectors, Angstrom."""
    a, b, c = lattice.tolist()
    faces = _cross(b, c), _cross(c, a), _cross(a, b)
    volume = abs(_dot(a, faces[0]))
    return volume / hypot(*faces[0]), volume / hypot(*faces[1]), volume / hypot(*faces[2])


def minkowski_reduced(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same lattice by its shortest vectors: every plane spacing is then over 0.7 of its vector.

    Nguyen & Stehle, "Low-dimensional lattice basis reduction revisited", 2009 (a greedy form of it).
    """
    rows = [tuple(row) for row in lattice.tolist()]
    for _ in range(_MAX_REDUCTION_STEPS):
        rows.sort(key=lambda row: hypot(*row))
        if not (_shorten_pair(rows) or _shorten_longest(rows)):
            break
    return np.array(rows)


def _shorten_pair(rows: list[tuple[float, ...]]) -> bool:
    for short, long in ((0, 1), (0, 2), (1, 2)):
        times = round(_dot(rows[long], rows[short]) / _dot(rows[short], rows[short]))
        if times and _replace_if_shorter(rows, long, _combine(rows[long], (-times, rows[short]))):
            return True
    return False


def _shorten_longest(rows: list[tuple[float, ...]]) -> bool:
    for first, second in product((-1, 1), repeat=2):
        if _replace_if_shorter(rows, 2, _combine(rows[2], (first, rows[0]), (second, rows[1]))):
            return True
    return False


def _replace_if_shorter(rows: list[tuple[float, ...]], index: int, candidate: tuple[float, ...]) -> bool:
    if hypot(*candidate) >= _SHORTER * hypot(*rows[index]):
        return False
    rows[index] = candidate
    return True


def _combine(vector: tuple[float, ...], *terms: tuple[int, tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(x + sum(times * term[axis] for times, term in terms) for axis, x in enumerate(vector))


def _check_lengths(lengths: list[float], limits: IntakeLimits) -> None:
    low, high = limits.min_cell_length_angstrom, limits.max_cell_length_angstrom
    a, b, c = lengths
    if low <= a <= high and low <= b <= high and low <= c <= high:
        return
    if not all(isfinite(length) for length in lengths):
        raise InvalidStructureError(
            f"cell lengths {_join(lengths)} must be finite numbers", reason=RefusalReason.NON_FINITE
        )
    raise InvalidStructureError(
        f"cell lengths {_join(lengths)} Angstrom must lie between {low:g} and {high:g}: check unit and scale",
        reason=RefusalReason.DEGENERATE_CELL,
    )


def _cosine(angle_degrees: float) -> float:
    exact = _EXACT_COSINES.get(angle_degrees)
    return cos(radians(angle_degrees)) if exact is None else exact


def _angle(first: list[float], second: list[float]) -> float:
    ratio = _dot(first, second) / (hypot(*first) * hypot(*second))
    return degrees(acos(max(-1.0, min(1.0, ratio))))


def _dot(u: list[float] | tuple[float, ...], v: list[float] | tuple[float, ...]) -> float:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _cross(u: list[float], v: list[float]) -> list[float]:
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]


def _join(values: list[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
