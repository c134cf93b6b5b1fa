"""Candidates in columns: what is known of them without their atoms' places, and without an object for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled, read_only
from epitaxy_models.compositions import Composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.structure import Structure

_N_NUMBERS = len(SYMBOLS) + 1


@dataclass(frozen=True, slots=True, eq=False)
class CandidateColumns:
    """Compositions, and volumes where they are known; candidate i owns entries ``offsets[i]`` to ``offsets[i + 1]``.

    Raises InvalidMaterialError (MALFORMED_COLUMNS) if lengths contradict each other, or an element is unknown.

    Attributes:
        atomic_numbers: Distinct elements of each candidate, uint8 ``[n_entries]``.
        amounts: Atoms of each, in any scale, positive, float32 ``[n_entries]``.
        offsets: int64 ``[n + 1]``, from 0 to ``n_entries``.
        volumes: Volume of the cell, cubic Angstrom, float64 ``[n]``; NaN where unknown.
        n_sites: Atoms in the cell, float32 ``[n]``; NaN where unknown.
    """

    atomic_numbers: NDArray[np.uint8]
    amounts: NDArray[np.float32]
    offsets: NDArray[np.int64]
    volumes: NDArray[np.float64]
    n_sites: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.offsets) - 1
        lengths = np.diff(self.offsets)
        fits = (
            n >= 0
            and len(self.volumes) == len(self.n_sites) == n
            and len(self.amounts) == len(self.atomic_numbers) == int(self.offsets[-1])
            and int(self.offsets[0]) == 0
            and bool((lengths >= 0).all())
        )
        if not fits:
            raise _malformed("the columns' lengths contradict each other")
        if len(self.atomic_numbers) and not 1 <= self.atomic_numbers.min() <= self.atomic_numbers.max() < _N_NUMBERS:
            raise _malformed(f"atomic numbers reach from 1 to {_N_NUMBERS - 1}")

    def __len__(self) -> int:
        return len(self.volumes)

    @staticmethod
    def of_structures(structures: Sequence[Structure]) -> "CandidateColumns":
        """The columns of crystals."""
        numbers = [structure.atomic_numbers for structure in structures]
        lattices = np.array([structure.lattice for structure in structures], dtype=np.float64).reshape(-1, 3, 3)
        sizes = np.array([len(one) for one in numbers], dtype=np.int64)
        return _of_sites(sizes, lattices, np.concatenate([np.zeros(0, dtype=np.uint8), *numbers]))

    @staticmethod
    def of_packed(n_sites: bytes, lattices_angstrom: bytes, atomic_numbers: bytes) -> "CandidateColumns":
        """The columns of a packed block, without an object for each structure; places of atoms are not needed.

        Raises InvalidMaterialError (MALFORMED_COLUMNS) if lengths contradict each other.
        """
        if len(n_sites) % 4 or len(lattices_angstrom) != len(n_sites) * 18:
            raise _malformed(f"n_sites has {len(n_sites)} bytes and lattices_angstrom {len(lattices_angstrom)}")
        sizes = np.frombuffer(n_sites, dtype="<u4").astype(np.int64)
        if int(sizes.sum()) != len(atomic_numbers):
            raise _malformed(f"n_sites adds up to {int(sizes.sum())} and atomic_numbers has {len(atomic_numbers)}")
        lattices = np.frombuffer(lattices_angstrom, dtype="<f8").reshape(-1, 3, 3)
        return _of_sites(sizes, lattices, np.frombuffer(atomic_numbers, dtype=np.uint8))

    @staticmethod
    def of_compositions(compositions: Sequence[Composition]) -> "CandidateColumns":
        """The columns of compositions: no volumes."""
        sizes = np.array([one.n_elements for one in compositions], dtype=np.int64)
        unknown = np.full(len(compositions), np.nan)
        return CandidateColumns(
            np.array([number for one in compositions for number in one.atomic_numbers], dtype=np.uint8),
            np.array([amount for one in compositions for amount in one.amounts], dtype=np.float32),
            offsets_of(sizes),
            unknown,
            unknown.astype(np.float32),
        )

    def rows(self, chosen: NDArray[np.integer]) -> "CandidateColumns":
        """The candidates with these numbers, in this order."""
        lengths = np.diff(self.offsets)[chosen]
        offsets = offsets_of(lengths)
        entries = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths)
        return CandidateColumns(
            self.atomic_numbers[entries], self.amounts[entries], offsets, self.volumes[chosen], self.n_sites[chosen]
        )

    def piece(self, start: int, stop: int) -> "CandidateColumns":
        """Consecutive candidates, without a copy of their entries."""
        offsets = self.offsets[start : stop + 1]
        entries = slice(int(offsets[0]), int(offsets[-1]))
        return CandidateColumns(
            self.atomic_numbers[entries],
            self.amounts[entries],
            offsets - offsets[0],
            self.volumes[start:stop],
            self.n_sites[start:stop],
        )

    @property
    def shares(self) -> NDArray[np.float32]:
        """Share of each entry in the atoms of its candidate, float32 ``[n_entries]``."""
        lengths = np.diff(self.offsets)
        totals = np.bincount(np.repeat(np.arange(len(self)), lengths), weights=self.amounts, minlength=len(self))
        return np.asarray(self.amounts / np.repeat(totals, lengths), dtype=np.float32)


def offsets_of(counts: NDArray[np.integer] | Sequence[int]) -> NDArray[np.int64]:
    """Where each candidate's entries begin, and where the last ones end, int64 ``[n_candidates + 1]``."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _of_sites(sizes: NDArray[np.int64], lattices: NDArray[np.float64], numbers: NDArray[np.uint8]) -> CandidateColumns:
    if len(numbers) and not 1 <= numbers.min() <= numbers.max() < _N_NUMBERS:
        raise _malformed(f"atomic numbers reach from 1 to {_N_NUMBERS - 1}")
    ends = offsets_of(sizes)
    elements, amounts, offsets = _counted(read_only(numbers), read_only(ends))
    volumes = np.abs(np.linalg.det(lattices))
    return CandidateColumns(elements, amounts, offsets, volumes, sizes.astype(np.float32))


@compiled()
def _counted(
    numbers: NDArray[np.uint8], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Distinct elements of each run of atoms, in ascending order, and how many atoms of each."""
    n = len(ends) - 1
    elements, amounts = np.empty(len(numbers), dtype=np.uint8), np.empty(len(numbers), dtype=np.float32)
    offsets = np.zeros(n + 1, dtype=np.int64)
    counts = np.zeros(256, dtype=np.int64)
    place = 0
    for row in range(n):
        low, high = 255, 0
        for site in range(ends[row], ends[row + 1]):
            number = numbers[site]
            counts[number] += 1
            low, high = min(low, number), max(high, number)
        for number in range(low, high + 1):
            if counts[number]:
                elements[place], amounts[place] = number, counts[number]
                counts[number] = 0
                place += 1
        offsets[row + 1] = place
    return elements[:place].copy(), amounts[:place].copy(), offsets


def _malformed(problem: str) -> InvalidMaterialError:
    return InvalidMaterialError(f"{problem}: pack the columns anew", reason="MALFORMED_COLUMNS")
