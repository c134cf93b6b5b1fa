"""From structures to the blocks that strategies learn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.heads.readout import FlooredReadout, composition_of
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.blocks import condition_blocks, unknown_values
from epitaxy_models.transfer.conditions.condition import Condition, Values
from epitaxy_models.transfer.descriptors import describe
from epitaxy_models.transfer.descriptors.estimates import estimates, gap_heads
from epitaxy_models.transfer.inputs import (
    DESCRIPTORS,
    EMBEDDING,
    ESTIMATES,
    FIDELITIES,
    LOW_FIDELITY_PREFIX,
    SUBSTRATE,
    TransferInputs,
)

_GRAPHS_A_BATCH = 32

Embed = Callable[[Sequence[CrystalGraph]], NDArray[np.float32]]
Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class SubstrateFeatures:
    """Builds inputs under one substrate.

    Attributes:
        artifact: The substrate.
    """

    artifact: ModelArtifact

    @cached_property
    def _heads(self) -> FlooredReadout:
        """All heads, those that are not served too: they are vintages and conventions of their own."""
        return self.artifact.readout(range(self.n_predictions))

    @property
    def n_predictions(self) -> int:
        """Width of the block of substrate predictions: one a head."""
        return len(self.artifact.heads["spreads"])

    def inputs_of(
        self, structures: Sequence[Structure], embed: Embed, low_fidelity: Columns | None = None
    ) -> TransferInputs:
        """Inputs from scratch; ``embed`` is an ``Embedder`` of the same artifact."""
        graphs = [build_graph(structure, self.artifact.card.crystal_rule) for structure in structures]
        starts = range(0, len(graphs), _GRAPHS_A_BATCH)
        parts = [embed(graphs[start : start + _GRAPHS_A_BATCH]) for start in starts] or [embed([])]
        return self.inputs_from(structures, graphs, np.concatenate(parts), low_fidelity)

    def inputs_from(
        self,
        structures: Sequence[Structure],
        graphs: Sequence[CrystalGraph],
        embeddings: NDArray[np.float32],
        low_fidelity: Columns | None = None,
    ) -> TransferInputs:
        """Inputs from embeddings already computed, ``[n_rows, n_members, embedding_width]``.

        ``low_fidelity`` holds values the caller knows, ``[n_rows]`` by name of the column, NaN if unknown. Raises
        ConfigurationError (INVALID_LOW_FIDELITY) where a column has another length or an infinite value.
        """
        predictions = self._predictions(structures, embeddings)
        blocks = {
            DESCRIPTORS: describe(structures),
            EMBEDDING: embeddings.reshape(len(structures), prod(embeddings.shape[1:])).astype(np.float64),
            SUBSTRATE: predictions,
            ESTIMATES: estimates(structures, predictions[:, gap_heads(self.artifact.card.heads)]),
        }
        if self.artifact.fidelity_heads is not None:
            formulas = [structure.reduced_formula for structure in structures]
            blocks[FIDELITIES] = self.artifact.fidelity_heads.estimate(formulas, embeddings, predictions)
        for name, values in (low_fidelity or {}).items():
            blocks[f"{LOW_FIDELITY_PREFIX}{name}"] = low_fidelity_block(name, values, len(structures))
        return TransferInputs(tuple(structures), tuple(graphs), blocks)

    def _predictions(self, structures: Sequence[Structure], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Ensemble mean of every head, ``[n_rows, n_heads]``."""
        by_member, _ = self._heads(embeddings, composition_of([s.atomic_numbers for s in structures]))
        return np.asarray(by_member.astype(np.float64).mean(axis=0))


def low_fidelity_block(name: str, values: NDArray[np.float64], n_rows: int) -> NDArray[np.float64]:
    """Value (0 if unknown) and whether it is known (1 or 0), ``[n_rows, 2]``; unknown values are NaN."""
    if values.shape != (n_rows,) or np.isinf(values).any():
        raise ConfigurationError(
            f"low-fidelity column {name!r} of shape {list(values.shape)}: give {n_rows} finite numbers, NaN where "
            "unknown",
            reason="INVALID_LOW_FIDELITY",
        )
    is_known = ~np.isnan(values)
    return np.stack([np.where(is_known, values, 0.0), is_known], axis=1).astype(np.float64)


def under_conditions(
    inputs: TransferInputs, conditions: Sequence[Condition], values: Mapping[str, Values]
) -> TransferInputs:
    """The same rows with blocks and raw values of conditions; those without values are unknown of every row.

    Raises ConfigurationError (INVALID_CONDITION) where values have another length or type, or are infinite.
    """
    n_rows = inputs.n_rows
    raw = {entry.name: values.get(entry.name, unknown_values(entry, n_rows)) for entry in conditions}
    blocks = condition_blocks(conditions, raw, n_rows)
    return replace(inputs, blocks={**inputs.blocks, **blocks}, conditions=raw)
