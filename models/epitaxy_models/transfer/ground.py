"""What a job stands on: where inputs, the audit and the domain of its model come from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.transfer.audit.examination import Examination, OpenVectors, examine
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.fitted.card import BaseModel
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.inputs import EMBEDDING, FIDELITIES, TransferInputs
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.quantities import kin_columns
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.laws import LawColumn


class Ground(Protocol):
    """What a job asks of the substrate of its kind of material."""

    @property
    def kind(self) -> MaterialKind:
        """What the rows are."""

    @property
    def base(self) -> BaseModel:
        """Named in the model's card."""

    @property
    def fidelity_digest(self) -> str:
        """Digest of shipped heads for further fidelities; empty without them."""

    def examine(self, request: TransferRequest) -> Examination:
        """Checks rows and labels and builds the inputs. Raises ConfigurationError where the labels make no model."""

    def kin(self, request: TransferRequest, examination: Examination) -> tuple[LawColumn, ...]:
        """Columns that state the property's own quantity."""

    def domain(self, inputs: TransferInputs) -> TrainingDomain:
        """Where the labelled rows lie."""


@dataclass(frozen=True, slots=True)
class SubstrateGround:
    """Implements Ground on a substrate of crystals."""

    artifact: ModelArtifact
    open_vectors: OpenVectors
    kind: MaterialKind = MaterialKind.STRUCTURE

    @property
    def base(self) -> BaseModel:
        """The substrate."""
        return BaseModel(self.artifact.card.name, self.artifact.card.version, self.artifact.weights_digest)

    @property
    def fidelity_digest(self) -> str:
        """Of the heads that are shipped with the substrate."""
        return self.artifact.fidelity_heads.digest if self.artifact.fidelity_heads else ""

    def examine(self, request: TransferRequest) -> Examination:
        """Embeds what is usable, and looks where it lies in the source."""
        features, embedder = SubstrateFeatures(self.artifact), Embedder(self.artifact)
        return examine(request, self.artifact, features, embedder, self.open_vectors)

    def kin(self, request: TransferRequest, examination: Examination) -> tuple[LawColumn, ...]:
        """Heads of the substrate."""
        # Scores of gates stand behind the values of the shipped heads.
        shipped = self.artifact.fidelity_heads
        n_fidelities = len(shipped.heads) if shipped and FIDELITIES in examination.inputs.blocks else 0
        definition, heads, kind = request.definition, self.artifact.card.heads, examination.transform.kind
        return kin_columns(heads, n_fidelities, definition.name, definition.unit, TransformKind(kind))

    def domain(self, inputs: TransferInputs) -> TrainingDomain:
        """In the substrate's own directions."""
        return TrainingDomain.fit(self.artifact.domain, np.asarray(inputs.blocks[EMBEDDING]), inputs.structures)
