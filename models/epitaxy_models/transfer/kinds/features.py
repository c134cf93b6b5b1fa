"""From materials to the blocks that strategies learn from, under the substrate of their kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.compositions import Composition
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.materials.reading import Material
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.material_catalogue import AnyMaterialSubstrate
from epitaxy_models.substrates.shipped import shipped_compositional, shipped_molecular, shipped_pair_cells
from epitaxy_models.substrates.substrate import Substrate
from epitaxy_models.transfer.descriptors.compositions import COMPOSITION_DESCRIPTOR_VERSION
from epitaxy_models.transfer.descriptors.fingerprints import FINGERPRINT_VERSION
from epitaxy_models.transfer.descriptors.material_blocks import Blocks, CompositionBlocks, MolecularBlocks
from epitaxy_models.transfer.descriptors.molecules import MOLECULE_DESCRIPTOR_VERSION
from epitaxy_models.transfer.descriptors.polymers import POLYMER_DESCRIPTOR_VERSION
from epitaxy_models.transfer.fitted.card import BaseModel
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.peers import peer_blocks

DESCRIPTOR_VERSIONS = {
    MaterialKind.COMPOSITION: COMPOSITION_DESCRIPTOR_VERSION,
    MaterialKind.MOLECULE: f"{MOLECULE_DESCRIPTOR_VERSION}, {FINGERPRINT_VERSION}",
    MaterialKind.POLYMER: f"{POLYMER_DESCRIPTOR_VERSION}, {FINGERPRINT_VERSION}",
}
"""Part of every card: a model reads the descriptors that it was fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class MaterialFeatures:
    """Inputs of strategies on one kind of material.

    Attributes:
        kind: What the materials are.
        blocks: Describes them, and reads the substrate.
        peers: Other networks whose features are read too.
    """

    kind: MaterialKind
    blocks: MolecularBlocks | CompositionBlocks
    peers: tuple[str, ...] = ()

    @classmethod
    def shipped(cls, kind: MaterialKind) -> "MaterialFeatures":
        """Under the substrate that comes with the package; not for crystals."""
        return cls.over(kind, shipped_compositional() if kind is MaterialKind.COMPOSITION else shipped_molecular())

    @classmethod
    def over(
        cls, kind: MaterialKind, substrate: AnyMaterialSubstrate, peers: tuple[str, ...] = ()
    ) -> "MaterialFeatures":
        """Under a substrate of that kind, which may be another version than the shipped one."""
        if isinstance(substrate, CompositionSubstrate):
            return cls(kind, CompositionBlocks(substrate, shipped_pair_cells()), peers)
        return cls(kind, MolecularBlocks(substrate), peers)

    @property
    def substrate(self) -> Substrate[Any]:
        """The substrate."""
        return self.blocks.substrate

    @property
    def base(self) -> BaseModel:
        """The substrate as cards of models name it."""
        card = self.substrate.card
        return BaseModel(card.name, card.version, self.substrate.digest)

    def check(self, material: Material) -> CrystalGraph:
        """The graph of a material that all blocks can describe. Raises UnsupportedElementError for another."""
        if isinstance(self.blocks, CompositionBlocks) and isinstance(material, Composition):
            self.blocks.cells.block([material])
        return self.substrate.featurize(material)

    def inputs_of(self, samples: Sequence[Sample]) -> TransferInputs:
        """All blocks. Raises UnsupportedElementError."""
        graphs = [self.check(sample.material) for sample in samples]
        return self.inputs_from(samples, graphs, self.substrate.embed(graphs))

    def inputs_from(
        self, samples: Sequence[Sample], graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]
    ) -> TransferInputs:
        """The same of samples whose graphs, and embeddings ``[n_rows, n_members, width]``, are known."""
        materials: list[Any] = [sample.material for sample in samples]
        blocks: Blocks = self.blocks.given(materials, graphs, embeddings)
        rows = tuple(sample.as_row() for sample in samples)
        # Without graphs: no strategy on materials trains a network.
        return TransferInputs(rows, (), blocks | peer_blocks(self.peers, rows))

    def domains(self, samples: Sequence[Sample]) -> tuple[DomainScore, ...]:
        """How near each lies to what the substrate was pretrained on."""
        materials = [sample.material for sample in samples]
        graphs = [self.substrate.featurize(material) for material in materials]
        return self.substrate.domains(materials, graphs, self.substrate.embed(graphs))
