"""Kinds of atoms: what the first layer of a molecular network tells apart."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import Atom

from epitaxy_models.structures.elements import symbol_of

# Node states are looked up by a byte; the first kind is that of the hub.
MOST_KINDS = 256
HUB = 0
# Charges from minus half of it, neighbours and hydrogen atoms below it have codes.
MAX_CODED = 16

AtomKind = tuple[int, int, bool, bool, int, int]
"""Atomic number, charge, whether it is aromatic, whether it is in a ring, neighbours, and hydrogen atoms on it."""


def kind_of(atom: Atom) -> AtomKind:
    """The kind of an atom; the two ends of a repeat unit count as neighbours."""
    return (
        atom.GetAtomicNum(),
        atom.GetFormalCharge(),
        atom.GetIsAromatic(),
        atom.IsInRing(),
        atom.GetDegree(),
        atom.GetTotalNumHs(),
    )


@dataclass(frozen=True, eq=False)
class AtomKinds:
    """A fixed table of kinds.

    An atom of a kind that is not in the table is treated as a rare atom of its element, which has a kind of its own.

    Attributes:
        common: Kinds by their number.
        rare: Number of the kind of rare atoms of an element, by atomic number.
    """

    common: Mapping[AtomKind, int]
    rare: Mapping[int, int]

    @cached_property
    def atomic_numbers(self) -> tuple[int, ...]:
        """Atomic number of each kind; 0 for the hub."""
        known = {number: kind[0] for kind, number in self.common.items()}
        known |= {number: z for z, number in self.rare.items()}
        return tuple(known.get(number, 0) for number in range(len(self)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a person calls each kind: its element, or ``[NH+] in a ring`` and the like."""
        named = {number: _name_of(kind) for kind, number in self.common.items()}
        named |= {number: f"a rare {symbol_of(z)} atom" for z, number in self.rare.items()}
        return tuple(named.get(number, "") for number in range(len(self)))

    @cached_property
    def coded(self) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
        """The table for compiled code: ascending codes, kinds by code, rare kinds by atomic number or 0."""
        numbers = {_code_of(kind): number for kind, number in self.common.items() if _is_coded(kind)}
        rare = np.zeros(MOST_KINDS, dtype=np.uint8)
        for z, number in self.rare.items():
            rare[z] = number
        codes = np.array(sorted(numbers), dtype=np.int64)
        return codes, np.array([numbers[code] for code in codes.tolist()], dtype=np.uint8), rare

    def __len__(self) -> int:
        """Number of kinds, the hub's included."""
        return 1 + len(self.common) + len(self.rare)

    def number_of(self, atom: Atom) -> int | None:
        """Number of an atom's kind; None if its element is not in the table."""
        kind = kind_of(atom)
        number = self.common.get(kind)
        return self.rare.get(kind[0]) if number is None else number

    def as_json(self) -> list[list[int]]:
        """Kinds in their order; a rare atom is its atomic number alone."""
        rows = {number: [int(part) for part in kind] for kind, number in self.common.items()}
        rows |= {number: [z] for z, number in self.rare.items()}
        return [rows[number] for number in sorted(rows)]

    @classmethod
    def from_json(cls, rows: Iterable[list[int]]) -> "AtomKinds":
        """Rebuilds an equal table."""
        numbered = list(enumerate(rows, start=1))
        common = {
            (row[0], row[1], bool(row[2]), bool(row[3]), row[4], row[5]): n for n, row in numbered if len(row) > 1
        }
        return cls(common, {row[0]: n for n, row in numbered if len(row) == 1})

    @classmethod
    def counted(cls, kinds: Iterable[AtomKind]) -> "AtomKinds":
        """The most frequent kinds of a set of atoms, and one more for each element in it."""
        counts = Counter(kinds)
        elements = sorted({kind[0] for kind in counts})
        n_common = MOST_KINDS - 1 - len(elements)
        # Ties are broken by the kind itself, so that the table does not depend on the order of the atoms.
        ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))[:n_common]
        return cls.from_json([*([z] for z in elements), *([int(part) for part in kind] for kind in ranked)])


def _is_coded(kind: AtomKind) -> bool:
    _, charge, *_, degree, n_hydrogens = kind
    return all(0 <= part < MAX_CODED for part in (charge + MAX_CODED // 2, degree, n_hydrogens))


def _code_of(kind: AtomKind) -> int:
    """One number for a kind, as ``molecule_graphs`` computes it of an atom."""
    z, charge, is_aromatic, is_in_ring, degree, n_hydrogens = kind
    code = (z * 2 + is_aromatic) * 2 + is_in_ring
    for part in (charge + MAX_CODED // 2, degree, n_hydrogens):
        code = code * MAX_CODED + part
    return code


def _name_of(kind: AtomKind) -> str:
    z, charge, is_aromatic, is_in_ring, degree, n_hydrogens = kind
    symbol = symbol_of(z).lower() if is_aromatic else symbol_of(z)
    hydrogens = "" if not n_hydrogens else "H" if n_hydrogens == 1 else f"H{n_hydrogens}"
    sign = "" if not charge else f"{'+' if charge > 0 else '-'}{abs(charge) if abs(charge) > 1 else ''}"
    return f"[{symbol}{hydrogens}{sign}] with {degree} neighbours{', in a ring' if is_in_ring else ''}"


@lru_cache(maxsize=1)
def shipped_kinds() -> AtomKinds:
    """The table of the shipped molecular substrate."""
    return AtomKinds.from_json(json.loads((files("epitaxy_models") / "graphs" / "atom_kinds.json").read_text()))


def known_symbols(kinds: AtomKinds) -> tuple[str, ...]:
    """Elements that the table has, by atomic number."""
    return tuple(symbol_of(z) for z in sorted(kinds.rare))
