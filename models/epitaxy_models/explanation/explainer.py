"""Explanations of single structures by one model."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import InvalidStructureError, UnknownPropertyError
from epitaxy_models.explanation.ablation import AblatedCrystal
from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.attribution import Attribution, integrated_gradients
from epitaxy_models.explanation.contributions import (
    element_contributions,
    shell_contributions,
    shell_totals,
    site_contributions,
)
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.explanation.faithfulness import Faithfulness, judge
from epitaxy_models.explanation.nearest import NearestMaterials
from epitaxy_models.explanation.network import ExplainedNetwork
from epitaxy_models.structures.structure import Structure

# A crystal of so many merged edges takes some 12 seconds of a core (2.4 ms an edge, measured); a typical one has 100.
MAX_EDGES = 5_000


class Explainer:
    """Explains what one model predicts; one call at a time."""

    def __init__(self, artifact: ModelArtifact, folder: Path) -> None:
        """Reads the source index beside the weights, where there is one. Raises CheckpointError."""
        self._rule = artifact.card.crystal_rule
        self._names = [entry.definition.name for entry in artifact.card.properties]
        self._network = ExplainedNetwork(artifact)
        self._nearest = NearestMaterials(folder, artifact.weights_digest)

    def __call__(self, structure: Structure, name: str, n_nearest: int) -> Explanation:
        """The explanation of one property.

        Raises UnknownPropertyError, and InvalidStructureError (TOO_LARGE_TO_EXPLAIN) for a crystal of too many
        different neighbours.
        """
        if name not in self._names:
            raise UnknownPropertyError(
                f"the model has no {name}; it has {', '.join(self._names)}", reason="UNKNOWN_PROPERTY"
            )
        anatomy = CrystalAnatomy.of(structure, self._rule)
        if anatomy.graph.n_edges > MAX_EDGES:
            raise InvalidStructureError(
                f"{anatomy.graph.n_edges} different neighbours are more than the {MAX_EDGES} that can be explained: "
                "give the primitive or a more ordered cell",
                reason="TOO_LARGE_TO_EXPLAIN",
            )
        crystal = AblatedCrystal(self._network, anatomy, name)
        attribution = integrated_gradients(crystal, self._network.spread(name))
        return Explanation(
            value=float(attribution.values.mean()),
            baseline=float(attribution.baselines.mean()),
            completeness_error=attribution.completeness_error,
            sites=site_contributions(anatomy, attribution),
            elements=element_contributions(anatomy, attribution),
            shells=shell_contributions(anatomy, attribution),
            faithfulness=verdict_of(crystal, attribution),
            nearest=self._nearest(self._network.embedding(anatomy.graph), n_nearest),
        )


def verdict_of(crystal: AblatedCrystal, attribution: Attribution) -> Faithfulness:
    """Whether the parts of a crystal matter in the order that an attribution says."""

    def value_of(present: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(crystal.values(present).mean(axis=1))

    anatomy = crystal.anatomy
    ranked = np.concatenate([attribution.nodes, shell_totals(anatomy, attribution)], axis=1).mean(axis=0)
    return judge(ranked, value_of, seed=int.from_bytes(anatomy.graph.key[:8], "little"))
