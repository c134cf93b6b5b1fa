"""The substrate of molecules and polymers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.atom_kinds import shipped_kinds
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.molecule_graph import build_chain_graph, build_molecule_graph
from epitaxy_models.graphs.molecule_graphs import WrittenMaterial, build_molecule_graphs
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.molecules import Molecule, read_molecule
from epitaxy_models.polymers import Polymer, read_polymer
from epitaxy_models.substrates.artifact import MaterialArtifact, load_material_artifact
from epitaxy_models.substrates.details import SubstrateDetails
from epitaxy_models.substrates.graph_substrate import GraphSubstrate

_OPEN_END = "*"


class MolecularSubstrate(GraphSubstrate[Molecule | Polymer]):
    """Implements Substrate for molecules, and for polymers as endless chains of their units."""

    kinds = (MaterialKind.MOLECULE, MaterialKind.POLYMER)

    def __init__(self, artifact: MaterialArtifact) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        super().__init__(artifact, shipped_kinds().names, "molecules")

    @classmethod
    def load(cls, folder: Path) -> "MolecularSubstrate":
        """From a folder of weights and card. Raises CheckpointError."""
        return cls(load_material_artifact(folder))

    @property
    def details(self) -> SubstrateDetails:
        """What cards of models state beside the card."""
        found = SubstrateDetails.of(self._ensemble.artifact, shipped_kinds().atomic_numbers)
        # Hydrogen atoms are no nodes; kinds of atoms count them.
        return replace(found, supported_elements=(1, *found.supported_elements))

    def intake(self, text: str) -> Molecule | Polymer:
        """The molecule of a SMILES, or the polymer of repeat units with open ends. Raises InvalidMaterialError."""
        return read_polymer(text).polymer if _OPEN_END in text else read_molecule(text).molecule

    def key(self, material: Molecule | Polymer) -> str:
        """The canonical SMILES; see ``Molecule.key`` and ``Polymer.key``."""
        return material.key

    def featurize(self, material: Molecule | Polymer) -> CrystalGraph:
        """The graph of a molecule or of an endless chain. Raises UnsupportedElementError."""
        if isinstance(material, Molecule):
            return build_molecule_graph(material.graph, material.key)
        return build_chain_graph([unit.graph for unit in material.units], material.amounts, material.key)

    def featurize_all(self, materials: Sequence[Molecule | Polymer]) -> list[CrystalGraph | EpitaxyError]:
        """The graph of each material, or why it has none: much faster than one after the other."""
        built = build_molecule_graphs([_written(material) for material in materials])
        return [
            self._featurize_alone(material) if graph is None else graph
            for material, graph in zip(materials, built, strict=True)
        ]

    def _featurize_alone(self, material: Molecule | Polymer) -> CrystalGraph | EpitaxyError:
        try:
            return self.featurize(material)
        except EpitaxyError as error:
            return error


def _written(material: Molecule | Polymer) -> WrittenMaterial:
    if isinstance(material, Molecule):
        return WrittenMaterial(material.key, (material.key,))
    return WrittenMaterial(material.key, tuple(unit.key for unit in material.units), material.amounts, is_chain=True)
