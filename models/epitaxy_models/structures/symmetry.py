"""Space groups as arrays, and the orbits of sites under them."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import hypot

import gemmi
import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.intake import RefusalReason

_MAX_OPERATIONS = 192
# Relative deviation of a cell from its symmetry that rounding and careless refinement explain.
_METRIC_TOLERANCE = 0.02
_FRACTION = re.compile(r"(\d{1,6})/(\d{1,6})")
_TRANSLATION_TOLERANCE = 0.002
# Rotation entries lie in -3..3 even in odd settings; translations in 24ths: one integer holds an operation.
_MAX_ROTATION_ENTRY = 3
_ROTATION_BASE = 2 * _MAX_ROTATION_ENTRY + 1


@dataclass(frozen=True, slots=True, eq=False)
class SpaceGroup:
    """A closed list of symmetry operations ``x' = R x + t`` on fractional coordinates.

    Attributes:
        name: How messages call it.
        rotations: float64, shape ``[n_operations, 3, 3]``.
        translations: Fractions in [0, 1), float64, shape ``[n_operations, 3]``.
        products: Index of the product of two operations, uint8, shape ``[n_operations, n_operations]``.
        triplets: The operations as text, ``x+1/2,-y,z``: equal for equal groups.
        number: Number in the International Tables, None for a setting that the tables do not list.
    """

    name: str
    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]
    products: NDArray[np.uint8]
    triplets: frozenset[str]
    number: int | None = None

    @property
    def n_operations(self) -> int:
        """Number of operations, centring included."""
        return len(self.rotations)

    @property
    def crystal_class(self) -> frozenset[tuple[int, int, float]]:
        """Shares of the kinds of rotation: equal for groups of one point group, whatever their axes and origin."""
        kinds = Counter(zip(*self._kinds_of_rotations(), strict=True))
        return frozenset((*kind, count / self.n_operations) for kind, count in kinds.items())

    @property
    def n_centrings(self) -> int:
        """Number of pure translations, the zero one included: 4 for an F lattice."""
        return int((self.rotations == np.eye(3)).all(axis=(1, 2)).sum())

    def _kinds_of_rotations(self) -> tuple[list[int], list[int]]:
        traces = np.trace(self.rotations, axis1=1, axis2=2)
        return traces.astype(int).tolist(), np.rint(np.linalg.det(self.rotations)).astype(int).tolist()

    def fits(self, lattice: NDArray[np.float64]) -> bool:
        """Whether every rotation keeps the lengths and angles of the cell."""
        if self.n_operations == 1:
            return True
        metric = lattice @ lattice.T
        turned = self.rotations.transpose(0, 2, 1) @ metric @ self.rotations
        lengths = np.sqrt(np.diag(metric))
        return bool((np.abs(turned - metric) <= _METRIC_TOLERANCE * np.outer(lengths, lengths)).all())

    def orbits(self, positions: NDArray[np.float64], lattice: NDArray[np.float64], tolerance: float) -> list["Orbit"]:
        """The symmetry copies of each site; ``positions`` fractional, shape ``[n_sites, 3]``.

        Copies nearer than ``tolerance`` Angstrom to a site are the site itself: it is moved to their mean, which is
        the exact special position, and one operation a coset of its site symmetry makes the copies.
        """
        copies = np.tensordot(positions, self.rotations, axes=(1, 2)) + self.translations
        shifts = copies - positions[:, None]
        shifts -= np.rint(shifts)
        cartesian = shifts @ lattice
        stays = np.einsum("sgi,sgi->sg", cartesian, cartesian) < tolerance**2
        is_special = np.count_nonzero(stays, axis=1) > 1
        return [
            self._special_orbit(positions[site], shifts[site], stays[site], lattice) if special else Orbit(copies[site])
            for site, special in enumerate(is_special.tolist())
        ]

    def _special_orbit(
        self,
        position: NDArray[np.float64],
        shifts: NDArray[np.float64],
        stays: NDArray[np.bool_],
        lattice: NDArray[np.float64],
    ) -> "Orbit":
        step = shifts[stays].sum(axis=0) / np.count_nonzero(stays)
        first_of_coset = self.products[:, stays].min(axis=1)
        cosets = np.flatnonzero(first_of_coset == np.arange(self.n_operations))
        copies = self.rotations[cosets] @ (position + step) + self.translations[cosets]
        return Orbit(copies, hypot(*(step @ lattice).tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Orbit:
    """The copies of one site, fractional, shape ``[multiplicity, 3]``, and how far it was moved first, Angstrom."""

    positions: NDArray[np.float64]
    moved: float = 0.0


@lru_cache(maxsize=256)
def space_group_of_triplets(triplets: tuple[str, ...]) -> SpaceGroup:
    """The group of listed operations such as ``"-y,x-y,z+1/3"``; the identity may be left out.

    Raises InvalidStructureError (UNREADABLE, TRUNCATED_FILE).
    """
    if len(triplets) > _MAX_OPERATIONS:
        raise InvalidStructureError(
            f"{len(triplets)} symmetry operations are listed and no space group has over {_MAX_OPERATIONS}: list the "
            "atoms of the cell in P 1",
            reason=RefusalReason.UNREADABLE,
        )
    operations = operations_of(triplets)
    distinct = {operation.wrap().triplet(): operation for operation in (gemmi.Op(), *operations)}
    found = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(list(distinct.values())))
    name = f"the {len(triplets)} symmetry operations listed"
    try:
        return build_space_group(name, operations, found.number if found else None)
    except InvalidStructureError:
        return build_space_group(name, [gemmi.Op(), *operations], found.number if found else None)


def operations_of(triplets: Iterable[str]) -> list[gemmi.Op]:
    """The operations, translations within 0.002 of a 24th moved onto it. Raises InvalidStructureError (UNREADABLE)."""
    return [_operation(triplet) for triplet in triplets]


def _operation(triplet: str) -> gemmi.Op:
    try:
        operation = gemmi.Op(_FRACTION.sub(_nearest_24th, triplet))
    except Exception as error:  # gemmi raises several types, none documented
        raise _unreadable_operation(triplet) from error
    if abs(operation.det_rot()) != operation.DEN**3 or any(
        entry % operation.DEN or abs(entry) > _MAX_ROTATION_ENTRY * operation.DEN
        for row in operation.rot
        for entry in row
    ):
        raise _unreadable_operation(triplet)
    return operation


def _nearest_24th(fraction: re.Match[str]) -> str:
    """``358/715``, as pymatgen writes a half found at a loose tolerance, is ``12/24``; others stay."""
    denominator = int(fraction[2])
    in_24ths = gemmi.Op.DEN * int(fraction[1]) / denominator if denominator else 0.5
    nearest = round(in_24ths)
    is_near = abs(in_24ths - nearest) < gemmi.Op.DEN * _TRANSLATION_TOLERANCE
    return f"{nearest}/{gemmi.Op.DEN}" if is_near else fraction[0]


def _unreadable_operation(triplet: str) -> InvalidStructureError:
    return InvalidStructureError(
        f"{triplet[:60]!r} is no symmetry operation: write it like '-x,y+1/2,-z'", reason=RefusalReason.UNREADABLE
    )


def build_space_group(name: str, operations: Iterable[gemmi.Op], number: int | None = None) -> SpaceGroup:
    """The group of operations. Raises InvalidStructureError (TRUNCATED_FILE) if they form none."""
    by_triplet = {operation.wrap().triplet(): operation for operation in operations}
    distinct = by_triplet.values()
    den = gemmi.Op.DEN
    rotations = np.array([operation.rot for operation in distinct]) // den
    translations = np.array([operation.tran for operation in distinct]) % den
    products = _product_table(rotations, translations, den)
    if products is None:
        raise InvalidStructureError(
            f"{name} form no group: the list is broken off or one is mistyped", reason=RefusalReason.TRUNCATED_FILE
        )
    return SpaceGroup(name, rotations.astype(np.float64), translations / den, products, frozenset(by_triplet), number)


def _product_table(rotations: NDArray[np.int_], translations: NDArray[np.int_], den: int) -> NDArray[np.uint8] | None:
    """Index of every product of two operations, None where one is not in the list."""
    turned = np.einsum("aij,bjk->abik", rotations, rotations)
    moved = (np.einsum("aij,bj->abi", rotations, translations) + translations[:, None]) % den
    keys = _keys(rotations, translations, den)
    order = np.argsort(keys)
    if np.abs(turned).max() > _MAX_ROTATION_ENTRY:
        return None
    wanted = _keys(turned, moved, den)
    places = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    if not (keys[order][places] == wanted).all():
        return None
    return order[places].astype(np.uint8)


def _keys(rotations: NDArray[np.int_], translations: NDArray[np.int_], den: int) -> NDArray[np.int_]:
    rotation_key = rotations.reshape(*rotations.shape[:-2], 9) @ _ROTATION_BASE ** np.arange(9)
    translation_key = translations @ den ** np.arange(3)
    return np.asarray(rotation_key * den**3 + translation_key)
