"""Explanations of single structures by one model."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import InvalidStructureError, UnknownPropertyError
from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.attribution import Attribution, integrated_gradients
from epitaxy_models.explanation.contributions import (
    ElementContribution,
    ShellContribution,
    SiteContribution,
    element_contributions,
    shell_contributions,
    shell_totals,
    site_contributions,
)
from epitaxy_models.explanation.faithfulness import Faithfulness, judge
from epitaxy_models.explanation.nearest import NearestMaterial, NearestMaterials
from epitaxy_models.explanation.network import ExplainedNetwork
from epitaxy_models.structures.structure import Structure

# A crystal of so many merged edges takes about 20 seconds; an ordered one of 200 sites has a fifth of them.
MAX_EDGES = 10_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model predicts what it does of one structure; values in the property's unit.

    Attributes:
        value: Mean over the members.
        baseline: The same of atoms of no element in particular without neighbours.
        completeness_error: Sum of the contributions minus ``value - baseline``.
        sites: In the structure's order; they add up to the change.
        elements: Sums over sites, the largest first.
        shells: The largest first.
        faithfulness: Whether the contributions pass their test.
        nearest: Similar materials of the training data, nearest first.
    """

    value: float
    baseline: float
    completeness_error: float
    sites: tuple[SiteContribution, ...]
    elements: tuple[ElementContribution, ...]
    shells: tuple[ShellContribution, ...]
    faithfulness: Faithfulness
    nearest: tuple[NearestMaterial, ...]


class Explainer:
    """Explains what one model predicts; one call at a time."""

    def __init__(self, artifact: ModelArtifact, folder: Path) -> None:
        """Reads the source index beside the weights, where there is one. Raises CheckpointError."""
        self._rule = artifact.card.rule
        self._names = [entry.definition.name for entry in artifact.card.properties]
        self._network = ExplainedNetwork(artifact)
        self._nearest = NearestMaterials(folder, artifact.weights_digest)

    def __call__(self, structure: Structure, name: str, n_nearest: int) -> Explanation:
        """The explanation of one property.

        Raises UnknownPropertyError, and InvalidStructureError (TOO_LARGE_TO_EXPLAIN) for a crystal of too many
        different neighbours.
        """
        if name not in self._names:
            raise UnknownPropertyError("UNKNOWN_PROPERTY", f"the model has no {name}; it has {', '.join(self._names)}")
        anatomy = CrystalAnatomy.of(structure, self._rule)
        if anatomy.graph.n_edges > MAX_EDGES:
            raise InvalidStructureError(
                "TOO_LARGE_TO_EXPLAIN",
                f"{anatomy.graph.n_edges} different neighbours are more than the {MAX_EDGES} that can be explained: "
                "give the primitive or a more ordered cell",
            )
        attribution = integrated_gradients(self._network, anatomy, name)
        return Explanation(
            value=float(attribution.values.mean()),
            baseline=float(attribution.baselines.mean()),
            completeness_error=attribution.completeness_error,
            sites=site_contributions(anatomy, attribution),
            elements=element_contributions(anatomy, attribution),
            shells=shell_contributions(anatomy, attribution),
            faithfulness=self._tested(anatomy, attribution, name),
            nearest=self._nearest(self._network.embedding(anatomy.graph), n_nearest),
        )

    def _tested(self, anatomy: CrystalAnatomy, attribution: Attribution, name: str) -> Faithfulness:
        def value_of(present: NDArray[np.bool_]) -> NDArray[np.float64]:
            graphs = [anatomy.with_parts(parts) for parts in present]
            return np.asarray(self._network.values(graphs, name).mean(axis=0))

        ranked = np.concatenate([attribution.nodes, shell_totals(anatomy, attribution)], axis=1).mean(axis=0)
        return judge(ranked, value_of, seed=int.from_bytes(anatomy.graph.key[:8], "little"))
