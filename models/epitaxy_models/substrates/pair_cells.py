"""What the crystal substrate says of pairs of elements in simple cells, averaged over the pairs of a composition.

An alloy has no crystal to embed, but each of its pairs of elements has: put into the cells of CsCl, L1_0, rock salt and
fluorite, at the volume that their atoms take on average. Two atoms of a random solid solution are of elements i and j
with probability ``c_i c_j``, which is the weight of the pair. A pair of an element with itself is the element.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.linalg import eigh

from epitaxy_models.compositions import Composition
from epitaxy_models.errors import CheckpointError, UnsupportedElementError
from epitaxy_models.structures import Structure
from epitaxy_models.structures.elements import SYMBOLS, symbol_of
from epitaxy_models.substrates.crystal import CrystalSubstrate

PAIR_FILE = "pair-cells.safetensors"
# Directions of the embedding that are kept of each prototype.
_N_DIRECTIONS = 24
_CELLS_A_BATCH = 256
_FCC = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
_TETRAHEDRAL = np.array(list(product((0.25, 0.75), repeat=3)))


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """A cubic cell with places for two elements.

    Attributes:
        name: What crystallographers call it.
        first: Places of the first element, fractional, ``[n_first, 3]``.
        second: Places of the second one, likewise.
    """

    name: str
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def cell(self, one: int, two: int, volumes: NDArray[np.float32]) -> Structure:
        """The cell with these elements, its volume the sum of ``volumes`` of its atoms, cubic Angstrom by number."""
        numbers = np.array([one] * len(self.first) + [two] * len(self.second), dtype=np.uint8)
        edge = float(volumes[numbers].sum()) ** (1 / 3)
        return Structure(np.eye(3) * edge, numbers, np.concatenate([self.first, self.second]))


PROTOTYPES = (
    Prototype("CsCl", np.zeros((1, 3)), np.full((1, 3), 0.5)),
    Prototype("L1_0", _FCC[:2], _FCC[2:]),
    Prototype("rock_salt", _FCC, (_FCC + np.array([0.5, 0.0, 0.0])) % 1.0),
    Prototype("fluorite", _FCC, _TETRAHEDRAL),
    Prototype("antifluorite", _TETRAHEDRAL, _FCC),
)


# Without slots: where each pair lies is kept beside the table.
@dataclass(frozen=True, eq=False)
class PairCells:
    """Features of all pairs of elements that the crystal substrate knows.

    Attributes:
        pairs: Atomic numbers, the smaller first, uint8 ``[n_pairs, 2]``.
        features: Of each pair in all prototypes, float16 ``[n_pairs, width]``: directions of the embedding, and heads.
        substrate: ``NAME:VERSION`` of the crystal substrate.
    """

    pairs: NDArray[np.uint8]
    features: NDArray[np.float16]
    substrate: str

    @property
    def width(self) -> int:
        """Columns of the block."""
        return int(self.features.shape[1])

    @classmethod
    def build(cls, crystals: CrystalSubstrate) -> "PairCells":
        """Embeds some 20,000 cells: half a minute on one core."""
        numbers = crystals.artifact.supported_elements()
        pairs = np.array(list(combinations_with_replacement(numbers, 2)), dtype=np.uint8)
        blocks = [_of_prototype(crystals, prototype, pairs) for prototype in PROTOTYPES]
        return cls(pairs, np.concatenate(blocks, axis=1).astype(np.float16), crystals.artifact.label)

    def block(self, compositions: Sequence[Composition]) -> NDArray[np.float64]:
        """Means over the pairs of each composition, ``[n_compositions, width]``.

        Raises UnsupportedElementError for an element without cells.
        """
        rows = [self._mean(composition) for composition in compositions]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.width)

    def save(self, path: Path) -> None:
        """Writes the table; no code is in it."""
        save_file({"pairs": self.pairs, "features": self.features}, path, {"card": json.dumps(self._card())})
        # safetensors writes for the owner alone; a server runs as somebody else.
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> "PairCells":
        """Reads a table. Raises CheckpointError if it is missing or damaged."""
        try:
            with safe_open(path, "np") as stored:
                card = json.loads(stored.metadata()["card"])
                return cls(stored.get_tensor("pairs"), stored.get_tensor("features"), card["substrate"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} holds no pair cells: {error}", reason="UNREADABLE_CHECKPOINT") from error

    def _card(self) -> dict[str, object]:
        return {"substrate": self.substrate, "prototypes": [prototype.name for prototype in PROTOTYPES]}

    def _mean(self, composition: Composition) -> NDArray[np.float64]:
        numbers = np.array(composition.atomic_numbers)
        places = self._places[np.ix_(numbers, numbers)]
        if places.min() < 0:
            unknown = [symbol_of(int(z)) for z in numbers if self._places[z, z] < 0]
            raise UnsupportedElementError(
                f"the crystal substrate knows no {', '.join(unknown)}: leave the composition out",
                reason="UNSUPPORTED_ELEMENT",
            )
        weights = np.outer(composition.fractions, composition.fractions)
        rows = self.features[places.ravel()].astype(np.float64)
        return np.asarray(weights.ravel() @ rows)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Row of each pair of atomic numbers, -1 if there is none, ``[119, 119]``."""
        places = np.full((len(SYMBOLS) + 1, len(SYMBOLS) + 1), -1, dtype=np.int64)
        one, two = self.pairs.T
        places[one, two] = places[two, one] = np.arange(len(self.pairs))
        return places


def _of_prototype(crystals: CrystalSubstrate, prototype: Prototype, pairs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Leading directions of the embeddings of all pairs, and all heads, ``[n_pairs, n_directions + n_heads]``."""
    volumes = crystals.artifact.geometry.atomic_volumes
    cells = [prototype.cell(int(one), int(two), volumes) for one, two in pairs]
    parts = [
        _embedded(crystals, cells[start : start + _CELLS_A_BATCH]) for start in range(0, len(cells), _CELLS_A_BATCH)
    ]
    embeddings, heads = (np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True))
    centred = embeddings - embeddings.mean(axis=0)
    width = centred.shape[1]
    # The leading directions alone: a full decomposition takes ten times as long.
    _, directions = eigh(centred.T @ centred, subset_by_index=(width - _N_DIRECTIONS, width - 1))
    return np.concatenate([centred @ directions[:, ::-1], heads], axis=1)


def _embedded(
    crystals: CrystalSubstrate, cells: Sequence[Structure]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    graphs = [crystals.featurize(cell) for cell in cells]
    embeddings = crystals.embed(graphs)
    heads = crystals.foretell(cells, graphs, embeddings)
    return embeddings.reshape(len(cells), -1), heads
