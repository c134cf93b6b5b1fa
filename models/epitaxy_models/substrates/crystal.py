"""The substrate of crystals under the contract: what serving and transfer use of it, unchanged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.structures import Structure, TextFormat, read_single
from epitaxy_models.substrates.details import SubstrateDetails

_GRAPHS_A_BATCH = 32


class CrystalSubstrate:
    """Implements Substrate for crystals."""

    kinds = (MaterialKind.STRUCTURE,)

    def __init__(self, artifact: ModelArtifact) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        self.artifact, self.digest = artifact, artifact.digest
        self._embedder, self._readout = Embedder(artifact), CalibratedReadout(artifact)
        self._every = artifact.readout(range(len(artifact.heads["spreads"])))

    @classmethod
    def load(cls, folder: Path) -> "CrystalSubstrate":
        """From a folder of weights and card. Raises CheckpointError."""
        return cls(load_artifact(folder))

    @property
    def card(self) -> ModelCard:
        """What is known about the weights."""
        return self.artifact.card

    @property
    def details(self) -> SubstrateDetails:
        """What cards of models state beside the card."""
        artifact = self.artifact
        return SubstrateDetails(artifact.card_json, artifact.n_parameters, tuple(artifact.supported_elements()))

    @property
    def latent(self) -> LatentSpace:
        """Directions of the first member's embedding in which the pretraining data vary."""
        return self.artifact.domain.latent

    def intake(self, text: str) -> Structure:
        """The crystal of a CIF, POSCAR or another text. Raises InvalidStructureError."""
        return read_single(text, _format_of(text)).structure

    def key(self, material: Structure) -> str:
        """The reduced formula: what splits keep together."""
        return material.reduced_formula

    def featurize(self, material: Structure) -> CrystalGraph:
        """The quotient graph under the card's rule."""
        return build_graph(material, self.card.crystal_rule)

    def embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Embeddings, ``[n_materials, n_members, embedding_width]``."""
        starts = range(0, len(graphs), _GRAPHS_A_BATCH)
        parts = [self._embedder(graphs[start : start + _GRAPHS_A_BATCH]) for start in starts]
        return np.concatenate(parts or [self._embedder([])])

    def predict(
        self,
        materials: Sequence[Structure],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
        coverage: float,
    ) -> EnsemblePrediction:
        """Calibrated predictions of the served properties."""
        return self._readout(embeddings, materials, coverage)

    def domains(
        self,
        materials: Sequence[Structure],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> tuple[DomainScore, ...]:
        """How near each crystal lies to the pretraining data."""
        return self._readout.domains(embeddings, materials)

    def foretell(
        self,
        materials: Sequence[Structure],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Ensemble mean of every head, ``[n_materials, n_heads]``."""
        by_member, _ = self._every(embeddings, composition_of([one.atomic_numbers for one in materials]))
        return np.asarray(by_member.astype(np.float64).mean(axis=0))


def _format_of(text: str) -> TextFormat:
    """The format that a text is written in, by marks that the others do not have."""
    if text.lstrip().startswith("{"):
        return TextFormat.PYMATGEN_JSON
    if "_cell_length_a" in text or "data_" in text:
        return TextFormat.CIF
    return TextFormat.EXTXYZ if "Lattice=" in text else TextFormat.POSCAR
