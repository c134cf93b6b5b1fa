"""A model's training corpus: where each material lies in its latent space, in one byte a direction."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.percentile import shares_below
from epitaxy_models.errors import CheckpointError
from epitaxy_models.source_index.materials import SourceMaterial, SourceMaterials
from epitaxy_models.source_index.projection import LatentProjection
from epitaxy_models.source_index.vector_index import Neighbours, VectorIndex

# Neighbours whose mean distance says how far a structure lies from the corpus.
N_NEIGHBOURS = 5
_CODE_MAX = 127
# Codes span all but this share of the materials a direction; the few beyond lie at its ends.
_CLIPPED = 1e-4
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, eq=False)
class SourceLabels:
    """What the corpus says of the properties that the model serves.

    Attributes:
        names: Names of the properties.
        units: Units of their values.
        values: NaN if a material has no label, float16 ``[n_materials, n_properties]``.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: NDArray[np.float16]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or {len(self.names), len(self.units)} != {self.values.shape[1]}:
            raise CheckpointError("labels and their names differ in number", reason="INVALID_SOURCE_INDEX")

    def of_row(self, row: int) -> dict[str, float | None]:
        """Values of one material by property, to the digits that float16 holds; None if there is none."""
        values = self.values[row].tolist()
        digits = self.values[row]
        return {
            name: float(str(digits[column])) if np.isfinite(values[column]) else None
            for column, name in enumerate(self.names)
        }


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedVectors:
    """Vectors as whole numbers of a step a direction.

    Attributes:
        codes: int8 ``[n_vectors, n_directions]``.
        steps: Length of one step, float32 ``[n_directions]``.
    """

    codes: NDArray[np.int8]
    steps: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.steps.shape != self.codes.shape[1:] or not (self.steps > 0).all():
            raise CheckpointError("codes and steps of different numbers of directions", reason="INVALID_SOURCE_INDEX")

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> "QuantisedVectors":
        """The nearest codes of vectors ``[n_vectors, n_directions]``."""
        reach = np.quantile(np.abs(vectors), 1 - _CLIPPED, axis=0)
        steps = np.maximum(reach / _CODE_MAX, 1e-9).astype(np.float32)
        return cls(np.clip(np.rint(vectors / steps), -_CODE_MAX, _CODE_MAX).astype(np.int8), steps)

    def vectors(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """What the codes of some rows stand for, float32 ``[n_rows, n_directions]``."""
        return self.codes[start:stop].astype(np.float32) * self.steps


@dataclass(frozen=True, slots=True, eq=False)
class SourceIndex:
    """The training corpus of one model.

    Attributes:
        weights_digest: `ModelArtifact.weights_digest` of the model whose embeddings these are.
        projection: Maps embeddings to coordinates.
        quantised: Coordinates of each material.
        materials: What each is.
        labels: What is known of it.
        held_out_distances: Ascending quantiles of the distance of crystals that the model was not trained on, float32
            ``[n_quantiles]``.
    """

    weights_digest: str
    projection: LatentProjection
    quantised: QuantisedVectors
    materials: SourceMaterials
    labels: SourceLabels
    held_out_distances: NDArray[np.float32] = field(repr=False)

    def __post_init__(self) -> None:
        rows = {len(self.materials), len(self.quantised.codes), len(self.labels.values)}
        if len(rows) != 1 or not len(self.materials) or not len(self.held_out_distances):
            raise CheckpointError(f"parts of {sorted(rows)} rows in one source index", reason="INVALID_SOURCE_INDEX")
        if self.quantised.codes.shape[1] != self.projection.n_directions:
            raise CheckpointError(
                "codes and projection of different numbers of directions", reason="INVALID_SOURCE_INDEX"
            )
        if (np.diff(self.held_out_distances) < 0).any():
            raise CheckpointError("held-out distances do not ascend", reason="INVALID_SOURCE_INDEX")

    @property
    def n_materials(self) -> int:
        """Rows of the index."""
        return len(self.materials)

    @property
    def n_directions(self) -> int:
        """Components of a vector."""
        return self.projection.n_directions

    def check_model(self, digest: str) -> None:
        """Raises CheckpointError (FOREIGN_SOURCE_INDEX) if embeddings of that model mean nothing here."""
        if digest != self.weights_digest:
            raise CheckpointError(
                f"the source index is of model {self.weights_digest[:19]}, not of {digest[:19]}: build it again with "
                "python -m epitaxy_models.source_index",
                reason="FOREIGN_SOURCE_INDEX",
            )

    def material(self, row: int) -> SourceMaterial:
        """One row, with all that is known of it."""
        return SourceMaterial(
            self.materials.ids[row],
            self.materials.formulas[row],
            int(self.materials.space_groups[row]),
            self.labels.of_row(row),
        )

    def coordinates(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where structures lie, ``[n, n_directions]``, from embeddings ``[n, n_members, embedding_width]``."""
        return self.projection(embeddings)

    def fill(self, vectors: VectorIndex) -> None:
        """Adds every material to an index, under its row number."""
        for start in range(0, self.n_materials, _ROWS_AT_ONCE):
            part = self.quantised.vectors(start, start + _ROWS_AT_ONCE)
            vectors.add(np.arange(start, start + len(part), dtype=np.int64), part)

    def percentiles(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of held-out source structures that lie nearer to the corpus, 0 to 1, ``[n]``."""
        return shares_below(distances, self.held_out_distances)


def corpus_distances(neighbours: Neighbours) -> NDArray[np.float64]:
    """Mean distance to the nearest few materials, ``[n_queries]``."""
    return np.asarray(neighbours.distances[:, :N_NEIGHBOURS].mean(axis=1), dtype=np.float64)
