"""The substrate of compositions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions import Composition, read_composition
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.composition_graph import build_composition_graph
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.elements import SYMBOLS, symbol_of
from epitaxy_models.substrates.artifact import MaterialArtifact, load_material_artifact
from epitaxy_models.substrates.details import SubstrateDetails
from epitaxy_models.substrates.graph_substrate import GraphSubstrate

_NAMES = ("", *(symbol_of(z) for z in range(1, len(SYMBOLS) + 1)))


class CompositionSubstrate(GraphSubstrate[Composition]):
    """Implements Substrate for materials of which only the composition is known."""

    kinds = (MaterialKind.COMPOSITION,)

    def __init__(self, artifact: MaterialArtifact) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        super().__init__(artifact, _NAMES, "formulas")

    @classmethod
    def load(cls, folder: Path) -> "CompositionSubstrate":
        """From a folder of weights and card. Raises CheckpointError."""
        return cls(load_material_artifact(folder))

    @property
    def details(self) -> SubstrateDetails:
        """What cards of models state beside the card."""
        return SubstrateDetails.of(self._ensemble.artifact, range(len(_NAMES)))

    def intake(self, text: str) -> Composition:
        """The composition of a formula or a list of amounts. Raises InvalidMaterialError."""
        return read_composition(text).composition

    def key(self, material: Composition) -> str:
        """The canonical formula; see ``Composition.key``."""
        return material.key

    def featurize(self, material: Composition) -> CrystalGraph:
        """The graph of the elements."""
        return build_composition_graph(dict(zip(material.atomic_numbers, material.amounts, strict=True)), material.key)

    def featurize_all(self, materials: Sequence[Composition]) -> list[CrystalGraph | EpitaxyError]:
        """The graph of each material."""
        return [self.featurize(material) for material in materials]

    @property
    def element_counts(self) -> NDArray[np.int64]:
        """Pretraining formulas that hold each element, by atomic number."""
        return self._ensemble.artifact.nearness.node_counts
