"""What a substrate predicts for a tenant's structures, to hold labels against."""

from collections.abc import Callable, Sequence

import numpy as np

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
        self._card, self._embed, self._readout = artifact.card, embedder, CalibratedReadout(artifact)

    def __call__(self, graphs: Sequence[CrystalGraph], structures: Sequence[Structure]) -> Sequence[ReferenceValues]:
        """Predicted formation energies and gaps, as far as the model serves them, ``[n_rows]`` each."""
        starts = range(0, len(graphs), _ROWS_AT_ONCE)
        parts = [self._embed(graphs[start : start + _ROWS_AT_ONCE]) for start in starts] or [self._embed([])]
        means, _, _ = self._readout.spread(np.concatenate(parts), [s.atomic_numbers for s in structures])
        return [
            ReferenceValues(entry.definition.name, entry.definition.unit, means[:, column])
            for column, entry in enumerate(self._card.properties)
            if entry.definition.name in REFERENCES
        ]
