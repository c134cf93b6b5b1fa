"""The materials of a source corpus: names, formulas, symmetry, and the keys of their graphs."""

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import spglib
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.elements import SYMBOLS, atomic_number_of
from epitaxy_models.structures.structure import Structure

_TERM = re.compile(r"([A-Z][a-z]?)(\d*)")
# Angstrom; coordinates of the source data are rounded, and relaxed cells deviate a little from their symmetry.
_SYMMETRY_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class SourceMaterial:
    """One material of the corpus.

    Attributes:
        id: The database's own id, ``"mp-1234"``.
        formula: Reduced, elements in alphabetical order.
        space_group: Number of the International Tables, 0 if none was found.
        labels: Labels by property; None if the corpus has no value.
    """

    id: str
    formula: str
    space_group: int
    labels: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class SourceMaterials:
    """All materials, row by row.

    Attributes:
        ids: The database's own ids, ``[n_materials]``.
        formulas: Reduced formulas, ``[n_materials]``.
        space_groups: Numbers of the International Tables, 0 if unknown, uint8 ``[n_materials]``.
        keys: Short graph keys, uint64 ``[n_materials]``.
    """

    ids: tuple[str, ...]
    formulas: tuple[str, ...]
    space_groups: NDArray[np.uint8]
    keys: NDArray[np.uint64]

    def __post_init__(self) -> None:
        lengths = {len(self.ids), len(self.formulas), len(self.space_groups), len(self.keys)}
        if len(lengths) != 1:
            raise CheckpointError(
                f"columns of {sorted(lengths)} rows in one source index", reason="INVALID_SOURCE_INDEX"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def known_keys(self) -> frozenset[int]:
        """Every short graph key."""
        return frozenset(self.keys.tolist())

    @cached_property
    def known_formulas(self) -> frozenset[str]:
        """Every reduced formula."""
        return frozenset(self.formulas)

    @cached_property
    def prototype_counts(self) -> Counter[str]:
        """Materials of each prototype."""
        return Counter(map(prototype_of, self.formulas, self.space_groups.tolist()))

    @cached_property
    def element_counts(self) -> NDArray[np.int64]:
        """Materials that hold each element, by atomic number, ``[119]``."""
        counts = np.zeros(len(SYMBOLS) + 1, dtype=np.int64)
        for formula in self.formulas:
            counts[list(elements_of(formula))] += 1
        return counts


def described_materials(
    ids: Sequence[str], structures: Sequence[Structure], graphs: Sequence[CrystalGraph]
) -> SourceMaterials:
    """Materials of structures and of their graphs as ``build_graph`` made them, with keys."""
    return SourceMaterials(
        tuple(map(str, ids)),
        tuple(structure.reduced_formula for structure in structures),
        space_groups_of(structures),
        np.array([short_key(graph.key) for graph in graphs], dtype=np.uint64),
    )


def joined_materials(parts: Sequence[SourceMaterials]) -> SourceMaterials:
    """All rows of some parts, in order."""
    return SourceMaterials(
        tuple(name for part in parts for name in part.ids),
        tuple(formula for part in parts for formula in part.formulas),
        np.concatenate([part.space_groups for part in parts]),
        np.concatenate([part.keys for part in parts]),
    )


def short_key(key: bytes) -> int:
    """The first eight bytes of a graph's key: among a million crystals two meet by chance once in 37 million times."""
    return int.from_bytes(key[:8], "little")


def space_groups_of(structures: Sequence[Structure]) -> NDArray[np.uint8]:
    """Numbers of the space groups, 0 if the search finds none, ``[n_structures]``; some 4 ms each."""
    with warnings.catch_warnings():
        # spglib 2.8 warns at every call that errors will be raised some day; below they may be.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        return np.array([_space_group_of(structure) for structure in structures], dtype=np.uint8)


def _space_group_of(structure: Structure) -> int:
    cell = (structure.lattice.tolist(), structure.frac_coords.tolist(), structure.atomic_numbers.tolist())
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=_SYMMETRY_TOLERANCE)
    except spglib.SpglibError:
        return 0
    return int(found.number) if found is not None else 0


@lru_cache(maxsize=1 << 16)
def prototype_of(formula: str, space_group: int) -> str:
    """A cheap structure type: anonymous formula and space group, ``"A3BC:221"`` for a cubic perovskite.

    Two types can share it (spinel and its inverse do); one type has one.
    """
    counts = sorted((int(number or 1) for _, number in _TERM.findall(formula)), reverse=True)
    letters = (chr(ord("A") + place) if place < 26 else f"X{place}" for place in range(len(counts)))
    parts = (letter if count == 1 else f"{letter}{count}" for letter, count in zip(letters, counts, strict=True))
    return f"{''.join(parts)}:{space_group}"


def elements_of(formula: str) -> frozenset[int]:
    """Atomic numbers in a reduced formula."""
    numbers = (atomic_number_of(symbol) for symbol, _ in _TERM.findall(formula))
    return frozenset(number for number in numbers if number is not None)
