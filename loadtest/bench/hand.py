"""The crystals of one round."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy_models.structures import Structure

# Peers answer one in so many of the round's crystals: the same mix of sizes in comparable time.
PEER_SHARE = 6


@dataclass(frozen=True, slots=True)
class Hand:
    """Crystals of one round: half of them as CIF files, the other half as structures; atoms of each beside them."""

    files: Sequence[Path]
    file_atoms: Sequence[int]
    structures: Sequence[Structure]

    def peer_rows(self, kind: str, half: int) -> list[int]:
        """Every so many-th crystal by size, in two halves: the same mix of sizes as the whole."""
        atoms = self.file_atoms if kind == "CIF" else [structure.n_sites for structure in self.structures]
        ordered = sorted(range(len(atoms)), key=lambda row: atoms[row])
        return ordered[PEER_SHARE // 2 + half * PEER_SHARE :: 2 * PEER_SHARE]
