"""Blocks of features of molecules, polymers and compositions, for the strategies that learn from few labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions import Composition
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.molecules import Molecule
from epitaxy_models.polymers import Polymer
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.substrates.pair_cells import PairCells
from epitaxy_models.transfer.descriptors.compositions import describe_compositions, fractions_of
from epitaxy_models.transfer.descriptors.fingerprints import count_chain_surroundings, count_surroundings
from epitaxy_models.transfer.descriptors.molecules import describe_molecules
from epitaxy_models.transfer.descriptors.polymers import describe_polymers
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, EMBEDDING, FRACTIONS, PAIRS, SUBSTRATE, TRACES

Array = NDArray[np.float64]
Blocks = dict[str, Array]
# Where the logarithm of a share levels off: a tenth of an atomic per cent is little and not nothing.
_TRACE = 1e-4


def molecule_descriptors(molecules: Sequence[Molecule]) -> Blocks:
    """What is known of molecules without a substrate: descriptors, and counts of surroundings."""
    return {DESCRIPTORS: describe_molecules(molecules), COUNTS: count_surroundings(molecules)}


def polymer_descriptors(polymers: Sequence[Polymer]) -> Blocks:
    """The same of polymers."""
    return {DESCRIPTORS: describe_polymers(polymers), COUNTS: count_chain_surroundings(polymers)}


def composition_descriptors(compositions: Sequence[Composition]) -> Blocks:
    """What is known of compositions without a substrate: statistics of their elements, shares, and their logarithms.

    Of a steel, the logarithms of the shares say most: a tenth of a per cent of carbon counts. Atoms of each element
    in a hundred are counts: by them two compositions are compared as a whole, by the atoms that they have in common.
    """
    shares = fractions_of(compositions)
    return {
        DESCRIPTORS: describe_compositions(compositions),
        COUNTS: 100 * shares,
        FRACTIONS: shares,
        TRACES: np.log10(shares + _TRACE),
    }


@dataclass(frozen=True, slots=True)
class MolecularBlocks:
    """Blocks under the substrate of molecules and polymers.

    Attributes:
        substrate: The substrate.
    """

    substrate: MolecularSubstrate

    def __call__(self, materials: Sequence[Molecule] | Sequence[Polymer]) -> Blocks:
        """All blocks, ``[n_materials, width]`` each; materials are of one kind. Raises UnsupportedElementError."""
        graphs = [self.substrate.featurize(material) for material in materials]
        return self.given(materials, graphs, self.substrate.embed(graphs))

    def given(
        self,
        materials: Sequence[Molecule] | Sequence[Polymer],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> Blocks:
        """The same of materials whose graphs and embeddings are known."""
        polymers = [material for material in materials if isinstance(material, Polymer)]
        molecules = [material for material in materials if isinstance(material, Molecule)]
        if polymers and molecules:
            raise ValueError(f"{len(molecules)} molecules and {len(polymers)} polymers: they have other descriptors")
        own = polymer_descriptors(polymers) if polymers else molecule_descriptors(molecules)
        return own | {
            EMBEDDING: _flat(embeddings),
            SUBSTRATE: self.substrate.foretell(materials, graphs, embeddings),
        }


@dataclass(frozen=True, slots=True)
class CompositionBlocks:
    """Blocks under the substrate of compositions, and under that of crystals by pairs of elements.

    Attributes:
        substrate: The substrate.
        cells: What the crystal substrate says of pairs of elements.
    """

    substrate: CompositionSubstrate
    cells: PairCells

    def __call__(self, compositions: Sequence[Composition]) -> Blocks:
        """All blocks, ``[n_compositions, width]`` each. Raises UnsupportedElementError for an element without cells."""
        graphs = [self.substrate.featurize(composition) for composition in compositions]
        return self.given(compositions, graphs, self.substrate.embed(graphs))

    def given(
        self,
        compositions: Sequence[Composition],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> Blocks:
        """The same of compositions whose graphs and embeddings are known."""
        return composition_descriptors(compositions) | {
            PAIRS: self.cells.block(compositions),
            EMBEDDING: _flat(embeddings),
            SUBSTRATE: self.substrate.foretell(compositions, graphs, embeddings),
        }


def _flat(embeddings: NDArray[np.float32]) -> Array:
    """Members side by side, ``[n_materials, n_members * embedding_width]``."""
    return embeddings.reshape(len(embeddings), prod(embeddings.shape[1:])).astype(np.float64)
