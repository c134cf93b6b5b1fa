"""What substrates of materials without a crystal have in common: the parts of Substrate that no kind changes."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import EnsemblePrediction, Reading
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.substrates.artifact import MaterialArtifact
from epitaxy_models.substrates.ensemble import MaterialEnsemble

MaterialT = TypeVar("MaterialT")


class GraphSubstrate(Generic[MaterialT]):
    """Answers of one artifact about materials of which the graph says all; see Substrate.

    Args:
        artifact: Of the weights.
        node_names: Name of each kind of node, for reasons of verdicts.
        plural: What its materials are called.
    """

    def __init__(self, artifact: MaterialArtifact, node_names: Sequence[str], plural: str) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        self._ensemble = MaterialEnsemble(artifact, node_names, plural)
        self.digest = artifact.digest

    @property
    def card(self) -> ModelCard:
        """What is known about the weights."""
        return self._ensemble.card

    @property
    def latent(self) -> LatentSpace:
        """Directions of the first member's embedding in which the pretraining data vary."""
        return self._ensemble.artifact.nearness.latent

    def embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Embeddings, ``[n_materials, n_members, embedding_width]``."""
        return self._ensemble.embed(graphs)

    def predict(
        self,
        materials: Sequence[MaterialT],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
        coverage: float,
    ) -> EnsemblePrediction:
        """Calibrated predictions of the served properties."""
        return self._ensemble.predict(graphs, embeddings, coverage)

    def domains(
        self,
        materials: Sequence[MaterialT],
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
        materials: Sequence[MaterialT],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Ensemble mean of every head, ``[n_materials, n_heads]``."""
        return self._ensemble.foretell(graphs, embeddings)

    def by_member(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each member says of the served properties, unbounded, ``[n_members, n_materials, n_properties]``."""
        return self._ensemble.by_member(graphs, embeddings)
