"""Whether a structure is as dense, and its contacts as long, as relaxed crystals of the training data are.

An embedding sees strain only as far as training made it: a cell halved in length can land in the middle of the
training cloud. Density and contacts are blunt, and catch what the embedding does not.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.verdict import DomainVerdict
from epitaxy_models.compiled import compiled, read_only
from epitaxy_models.graphs.neighbours import cell_volume, neighbours_within, planes_crossed
from epitaxy_models.structures.kernel_arrays import kernel_arrays
from epitaxy_models.structures.radii import COVALENT_RADII
from epitaxy_models.structures.structure import Structure

# Pairs farther apart than this many sums of their radii are no contact.
_REACH = 1.35
# Tails of the held-out structures beyond which a geometry is unusual, and beyond which it is foreign.
_UNUSUAL, _FOREIGN = 0.005, 0.001
# Training structures that fix the contacts of two elements; below, their radii do.
_FAMILIAR_PAIR = 20
# Level of a pair's shortest distances that counts as short.
_SHORT = 0.02
_SMALLEST_VOLUME = 1.0
_SEVERITY = {DomainVerdict.IN_DOMAIN: 0, DomainVerdict.BORDERLINE: 1, DomainVerdict.OUT_OF_DOMAIN: 2}


@dataclass(frozen=True, slots=True)
class Geometry:
    """Three numbers that describe how dense a structure is and how long its contacts are.

    Attributes:
        volume_per_atom: Cubic Angstrom.
        shortest_contact: Smallest distance of two atoms over what is short for their elements; about 1 and more.
        mean_contact: Mean over the atoms of their shortest contact over what is usual for its elements; about 1.
    """

    volume_per_atom: float
    shortest_contact: float
    mean_contact: float


@compiled()
def _contacts(
    lattice: NDArray[np.float64],
    frac: NDArray[np.float64],
    numbers: NDArray[np.uint8],
    radii: NDArray[np.float64],
    short: NDArray[np.float32],
    usual: NDArray[np.float32],
) -> tuple[float, float]:
    """Smallest distance in units of ``short``, and mean over the atoms of their smallest in units of ``usual``."""
    crossed = planes_crossed(lattice, cell_volume(lattice), 1.0)
    shortest = _REACH
    nearest = np.full(len(numbers), _REACH)
    for i in range(len(numbers)):
        for j in range(i, len(numbers)):
            first, second = numbers[i], numbers[j]
            distance = _shortest_image(lattice, crossed, frac, i, j, _REACH * (radii[first] + radii[second]))
            if distance == np.inf:
                continue
            shortest = min(shortest, distance / short[first, second], distance / short[second, first])
            nearest[i] = min(nearest[i], distance / usual[first, second])
            nearest[j] = min(nearest[j], distance / usual[second, first])
    return shortest, nearest.mean()


@compiled()
def _shortest_image(
    lattice: NDArray[np.float64],
    crossed: tuple[float, float, float],
    frac: NDArray[np.float64],
    i: int,
    j: int,
    radius: float,
) -> float:
    """Distance from site i to the nearest image of site j closer than ``radius``, infinite where there is none."""
    squared = radius * radius
    d0, d1, d2 = frac[j, 0] - frac[i, 0], frac[j, 1] - frac[i, 1], frac[j, 2] - frac[i, 2]
    s0, s1, s2 = radius * crossed[0], radius * crossed[1], radius * crossed[2]
    nearest = np.inf
    b_low, b_high = math.ceil(-s1 - d1), math.floor(s1 - d1)
    c_low, c_high = math.ceil(-s2 - d2), math.floor(s2 - d2)
    for a in range(math.ceil(-s0 - d0), math.floor(s0 - d0) + 1):
        for b in range(b_low, b_high + 1):
            for c in range(c_low, c_high + 1):
                if i == j and a == 0 and b == 0 and c == 0:
                    continue
                x = (d0 + a) * lattice[0, 0] + (d1 + b) * lattice[1, 0] + (d2 + c) * lattice[2, 0]
                y = (d0 + a) * lattice[0, 1] + (d1 + b) * lattice[1, 1] + (d2 + c) * lattice[2, 1]
                z = (d0 + a) * lattice[0, 2] + (d1 + b) * lattice[1, 2] + (d2 + c) * lattice[2, 2]
                d = x * x + y * y + z * z
                if d < squared and d < nearest:
                    nearest = d
    return math.sqrt(nearest)


@compiled()
def _note_shortest(
    lattice: NDArray[np.float64],
    frac: NDArray[np.float64],
    numbers: NDArray[np.uint8],
    radii: NDArray[np.float64],
    found: NDArray[np.float32],
) -> None:
    """Writes the shortest contact of each pair of elements into ``found``, ``[119, 119]``."""
    largest = 0.0
    for number in numbers:
        largest = max(largest, radii[number])
    pairs = neighbours_within(lattice, frac, _REACH * 2.0 * largest)
    for edge in range(len(pairs.distances)):
        first, second = numbers[pairs.centres[edge]], numbers[pairs.others[edge]]
        if pairs.distances[edge] < min(_REACH * (radii[first] + radii[second]), found[first, second]):
            found[first, second] = pairs.distances[edge]


@dataclass(frozen=True, slots=True, eq=False)
class GeometryModel:
    """What is usual among source structures.

    Attributes:
        short_contacts: Second percentile over training structures of the shortest distance of two elements in
            contact, Angstrom, ``[119, 119]``.
        usual_contacts: Median of the same.
        atomic_volumes: Volume that an atom of each element takes on average, cubic Angstrom, ``[119]``.
        limits: Of log(volume over expected volume), shortest contact and mean contact: foreign below the first,
            unusual below the second, unusual above the third, foreign above the fourth, ``[3, 4]``.
    """

    short_contacts: NDArray[np.float32]
    usual_contacts: NDArray[np.float32]
    atomic_volumes: NDArray[np.float32]
    limits: NDArray[np.float32]

    @classmethod
    def fit(cls, training: Sequence[Structure], held_out: Sequence[Structure]) -> "GeometryModel":
        """Fits contacts and volumes on training structures and the limits on held-out ones."""
        unlimited = np.tile(np.array([-np.inf, -np.inf, np.inf, np.inf], dtype=np.float32), (3, 1))
        short, usual = _pair_contacts(training)
        model = cls(short, usual, _atomic_volumes(training), unlimited)
        features = model.features(held_out)
        levels = [_FOREIGN, _UNUSUAL, 1 - _UNUSUAL, 1 - _FOREIGN]
        limits = np.quantile(features, levels, axis=0).T.astype(np.float32)
        # A shortest contact can only be too short; that contacts are long shows in their mean.
        limits[1, 2:], limits[2, :2] = np.inf, -np.inf
        return replace(model, limits=limits)

    def measure(self, structure: Structure) -> Geometry:
        """Density and contacts of a structure."""
        shortest, mean = _contacts(
            *kernel_arrays(structure),
            COVALENT_RADII,
            read_only(self.short_contacts),
            read_only(self.usual_contacts),
        )
        return Geometry(structure.volume / structure.n_sites, float(shortest), float(mean))

    def features(self, structures: Sequence[Structure]) -> NDArray[np.float64]:
        """Logarithm of the volume over the expected one, shortest and mean contact of each structure, ``[n, 3]``."""
        tables = COVALENT_RADII, read_only(self.short_contacts), read_only(self.usual_contacts)
        found = np.empty((len(structures), 3))
        for row, structure in enumerate(structures):
            found[row, 1:] = _contacts(*kernel_arrays(structure), *tables)
        lattices = np.array([structure.lattice for structure in structures]).reshape(-1, 3, 3)
        volumes = np.abs(np.linalg.det(lattices)) / [structure.n_sites for structure in structures]
        expected = [self.atomic_volumes[structure.atomic_numbers].mean() for structure in structures]
        found[:, 0] = np.log(volumes / np.array(expected, dtype=np.float64))
        return found

    def are_usual(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which structures `judge` finds IN_DOMAIN, by their `features` ``[n, 3]``."""
        is_within = (features >= self.limits[:, 1]) & (features <= self.limits[:, 2])
        return np.asarray(is_within.all(axis=1))

    def judge(self, features: NDArray[np.float64], structure: Structure) -> tuple[DomainVerdict, str]:
        """Verdict on one structure with its `features` ``[3]``, and the reason, empty when IN_DOMAIN."""
        verdicts = [_outside(float(value), limits) for value, limits in zip(features, self.limits, strict=True)]
        # Contacts say more than the volume; an unduly short one says most.
        worst = max((1, 2, 0), key=lambda feature: _SEVERITY[verdicts[feature]])
        if verdicts[worst] is DomainVerdict.IN_DOMAIN:
            return DomainVerdict.IN_DOMAIN, ""
        text = self._text(worst, features, structure)
        return verdicts[worst], f"not the geometry of a relaxed crystal of the training data: {text}"

    def _text(self, feature: int, features: NDArray[np.float64], structure: Structure) -> str:
        if feature == 0:
            volume = structure.volume / structure.n_sites
            expected = float(self.atomic_volumes[structure.atomic_numbers].mean())
            return f"{volume:.1f} A^3/atom where about {expected:.1f} are usual for its elements"
        if feature == 1:
            return f"its shortest contact is {features[1]:.2f} of what is already short for its elements"
        return f"its contacts are {features[2]:.2f} times as long as usual for its elements"


def worse(first: DomainVerdict, second: DomainVerdict) -> bool:
    """True where the second verdict is worse than the first."""
    return _SEVERITY[second] > _SEVERITY[first]


def _outside(value: float, limits: NDArray[np.float32]) -> DomainVerdict:
    if value < limits[0] or value > limits[3]:
        return DomainVerdict.OUT_OF_DOMAIN
    return DomainVerdict.BORDERLINE if value < limits[1] or value > limits[2] else DomainVerdict.IN_DOMAIN


def _pair_contacts(structures: Iterable[Structure]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Short and median contacts of each pair of elements; of pairs hardly seen, their radii's sum times its usual."""
    seen = _seen_contacts(structures)
    sums = COVALENT_RADII[:, None] + COVALENT_RADII
    ratios = [value / sums[pair] for pair, values in seen.items() for value in values]
    tables = []
    for level in (_SHORT, 0.5):
        table = (sums * (np.quantile(ratios, level) if ratios else 1.0)).astype(np.float32)
        for pair, values in seen.items():
            if len(values) >= _FAMILIAR_PAIR:
                table[pair] = np.quantile(values, level)
        tables.append(table)
    return tables[0], tables[1]


def _seen_contacts(structures: Iterable[Structure]) -> dict[tuple[int, int], list[float]]:
    """The shortest contact of each pair of elements in each structure that has one."""
    seen: dict[tuple[int, int], list[float]] = {}
    found = np.empty((len(COVALENT_RADII), len(COVALENT_RADII)), dtype=np.float32)
    for structure in structures:
        found.fill(np.inf)
        lattice, frac = np.ascontiguousarray(structure.lattice), np.ascontiguousarray(structure.frac_coords)
        _note_shortest(lattice, frac, structure.atomic_numbers, COVALENT_RADII, found)
        elements = np.unique(structure.atomic_numbers)
        for first in elements:
            for second in elements[np.isfinite(found[first, elements])]:
                seen.setdefault((int(first), int(second)), []).append(float(found[first, second]))
    return seen


def _atomic_volumes(structures: Sequence[Structure]) -> NDArray[np.float32]:
    """A ridge fit of volume per atom on composition, towards the mean: a rare element takes the average volume."""
    counts = np.stack([np.bincount(s.atomic_numbers, minlength=len(COVALENT_RADII)) / s.n_sites for s in structures])
    volumes = np.array([structure.volume / structure.n_sites for structure in structures])
    mean = float(volumes.mean())
    normal = counts.T @ counts + np.eye(counts.shape[1])
    fitted = mean + np.linalg.solve(normal, counts.T @ (volumes - mean))
    return np.asarray(np.maximum(fitted, _SMALLEST_VOLUME), dtype=np.float32)
