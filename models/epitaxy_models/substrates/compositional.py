"""The substrate of compositions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.compositions import Composition, read_composition
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import EnsemblePrediction, Reading
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.composition_graph import build_composition_graph
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures.elements import SYMBOLS, symbol_of
from epitaxy_models.substrates.artifact import MaterialArtifact, load_material_artifact
from epitaxy_models.substrates.details import SubstrateDetails
from epitaxy_models.substrates.ensemble import MaterialEnsemble

_NAMES = ("", *(symbol_of(z) for z in range(1, len(SYMBOLS) + 1)))


class CompositionSubstrate:
    """Implements Substrate for materials of which only the composition is known."""

    kinds = (MaterialKind.COMPOSITION,)

    def __init__(self, artifact: MaterialArtifact) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        self._ensemble = MaterialEnsemble(artifact, _NAMES, "formulas")
        self.digest = artifact.digest

    @classmethod
    def load(cls, folder: Path) -> "CompositionSubstrate":
        """From a folder of weights and card. Raises CheckpointError."""
        return cls(load_material_artifact(folder))

    @property
    def card(self) -> ModelCard:
        """What is known about the weights."""
        return self._ensemble.card

    @property
    def details(self) -> SubstrateDetails:
        """What cards of models state beside the card."""
        return SubstrateDetails.of(self._ensemble.artifact, range(len(_NAMES)))

    @property
    def latent(self) -> LatentSpace:
        """Directions of the first member's embedding in which the pretraining data vary."""
        return self._ensemble.artifact.nearness.latent

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

    def embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Embeddings, ``[n_materials, n_members, embedding_width]``."""
        return self._ensemble.embed(graphs)

    def predict(
        self,
        materials: Sequence[Composition],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
        coverage: float,
    ) -> EnsemblePrediction:
        """Calibrated predictions of the served properties."""
        return self._ensemble.predict(graphs, embeddings, coverage)

    def domains(
        self,
        materials: Sequence[Composition],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> tuple[DomainScore, ...]:
        """How near each material lies to the pretraining data."""
        return self._ensemble.domains(graphs, embeddings)

    def readings(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> list[Reading]:
        """What the embeddings say of each material, before anybody asks for a coverage."""
        return self._ensemble.readings(graphs, embeddings)

    def answer(
        self, readings: Sequence[Reading], coverage: float, judged_at: float | None = None
    ) -> EnsemblePrediction:
        """The calibrated predictions that readings amount to."""
        return self._ensemble.answer(readings, coverage, judged_at)

    def foretell(
        self,
        materials: Sequence[Composition],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Ensemble mean of every head, ``[n_materials, n_heads]``."""
        return self._ensemble.foretell(graphs, embeddings)

    def by_member(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each member says of the served properties, unbounded, ``[n_members, n_materials, n_properties]``."""
        return self._ensemble.by_member(graphs, embeddings)

    @property
    def element_counts(self) -> NDArray[np.int64]:
        """Pretraining formulas that hold each element, by atomic number."""
        return self._ensemble.artifact.nearness.node_counts
