"""What a substrate predicts for a tenant's structures, to hold labels against."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.labels.units import REFERENCES, ReferenceValues

_ROWS_AT_ONCE = 32

ReadReferences = Callable[[Sequence[CrystalGraph], Sequence[Structure]], Sequence[ReferenceValues]]


class SubstrateReferences:
    """Energies and gaps that a model predicts for structures; it embeds each of them."""

    def __init__(self, artifact: ModelArtifact, embedder: Embedder) -> None:
        """``embedder`` is one of the same artifact."""
        self._artifact, self._embed = artifact, embedder

    def __call__(self, graphs: Sequence[CrystalGraph], structures: Sequence[Structure]) -> Sequence[ReferenceValues]:
        """Predicted formation energies and gaps, as far as the model serves them, ``[n_rows]`` each."""
        starts = range(0, len(graphs), _ROWS_AT_ONCE)
        parts = [self._embed(graphs[start : start + _ROWS_AT_ONCE]) for start in starts] or [self._embed([])]
        return self.read(self._artifact, np.concatenate(parts), structures)

    @staticmethod
    def read(
        artifact: ModelArtifact, embeddings: NDArray[np.float32], structures: Sequence[Structure]
    ) -> Sequence[ReferenceValues]:
        """The same from embeddings at hand, ``[n_rows, n_members, width]``."""
        means, _, _ = CalibratedReadout(artifact).spread(embeddings, [s.atomic_numbers for s in structures])
        return [
            ReferenceValues(entry.definition.name, entry.definition.unit, means[:, column])
            for column, entry in enumerate(artifact.card.properties)
            if entry.definition.name in REFERENCES
        ]
