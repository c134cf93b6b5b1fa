"""The contract of a substrate."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import EnsemblePrediction, Reading
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.substrates.details import SubstrateDetails

M = TypeVar("M")


class Substrate(Protocol[M]):
    """A pretrained ensemble for some kinds of materials.

    The steps are called in this order; each can be kept by the key of the material and the version of the step.
    """

    @property
    def kinds(self) -> tuple[MaterialKind, ...]:
        """Kinds of materials that it takes."""

    @property
    def card(self) -> ModelCard:
        """What is known about the weights."""

    @property
    def digest(self) -> str:
        """``sha256:`` of weights and card; substrates of one digest give equal answers."""

    @property
    def details(self) -> SubstrateDetails:
        """What cards of models state beside the card: parameters, elements, the card as JSON."""

    @property
    def latent(self) -> LatentSpace:
        """Directions of the first member's embedding in which the pretraining data vary."""

    def intake(self, text: str) -> M:
        """The material of a text. Raises InvalidMaterialError with reason and remedy."""

    def key(self, material: M) -> str:
        """What names the material however it was written; splits keep materials of one key together."""

    def featurize(self, material: M) -> CrystalGraph:
        """The graph under the card's rule. Raises UnsupportedElementError."""

    def embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Embeddings, ``[n_materials, n_members, embedding_width]``; an answer does not depend on its batch."""

    def predict(
        self, materials: Sequence[M], graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32], coverage: float
    ) -> EnsemblePrediction:
        """Calibrated predictions of the served properties. Raises ConfigurationError for a coverage out of range."""

    def domains(
        self, materials: Sequence[M], graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]
    ) -> tuple[DomainScore, ...]:
        """How near each material lies to the pretraining data."""

    def foretell(
        self, materials: Sequence[M], graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Ensemble mean of every head, served or not, ``[n_materials, n_heads]``: what transfer draws on."""


class MaterialSubstrate(Substrate[M], Protocol[M]):
    """A substrate of materials without a crystal, with the steps that serving takes many materials through at once."""

    def featurize_all(self, materials: Sequence[M]) -> list[CrystalGraph | EpitaxyError]:
        """The graph of each material, or why it has none: what ``featurize`` returns or raises."""

    def readings(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> list[Reading]:
        """What the embeddings say of each material, before anybody asks for a coverage: small enough to be kept."""

    def answer(
        self, readings: Sequence[Reading], coverage: float, judged_at: float | None = None
    ) -> EnsemblePrediction:
        """What ``predict`` gives for the readings of its embeddings; ``judged_at``: also widths at that coverage.

        Raises ConfigurationError for a coverage out of range.
        """
