"""From a model and its training graphs to the source index."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import CrystalGraphBatch, select, separate
from epitaxy_models.source_index.faiss_index import FaissIndex
from epitaxy_models.source_index.index import (
    N_NEIGHBOURS,
    QuantisedVectors,
    SourceIndex,
    SourceLabels,
    corpus_distances,
)
from epitaxy_models.source_index.materials import SourceMaterials
from epitaxy_models.source_index.projection import LatentProjection

_ROWS_AT_ONCE = 128
# Structures that fix the directions; embedded twice, so that memory never holds all embeddings.
_N_FITTED = 8_000
_N_QUANTILES = 1001


def build_source_index(
    artifact: ModelArtifact,
    graphs: CrystalGraphBatch,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    materials: SourceMaterials,
    labels: NDArray[np.float32],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> SourceIndex:
    """The index of the structures that a model was trained on.

    Args:
        artifact: The model.
        graphs: Graphs of a whole data set, featurized by the model's rule.
        rows: Those that the model was trained on.
        held_out: Those of which no member saw a label; they scale the distances.
        materials: What ``rows`` are, in their order.
        labels: Labels of ``rows``, in the order of the properties of the model's card, NaN if there is none,
            ``[n_rows, n_properties]``.
        on_progress: Told embedded and total structures.

    Raises ConfigurationError if rows, materials and labels differ in number, or there is nothing to hold out.
    """
    definitions = [entry.definition for entry in artifact.card.properties]
    if labels.shape != (len(rows), len(definitions)) or len(materials) != len(rows) or not len(held_out):
        raise ConfigurationError(
            f"{len(rows)} rows with {len(materials)} materials, labels {list(labels.shape)} for {len(definitions)} "
            f"properties, {len(held_out)} held out",
            reason="INVALID_SOURCE",
        )
    stream = _EmbeddingStream(Embedder(artifact), graphs, on_progress, len(rows) + len(held_out))
    projection = LatentProjection.fit(stream.chunks(_sample(rows)))
    quantised = QuantisedVectors.of(_projected(projection, stream.counted(rows)))
    queries = _projected(projection, stream.counted(held_out))
    names = tuple(definition.name for definition in definitions)
    units = tuple(definition.unit for definition in definitions)
    return SourceIndex(
        artifact.weights_digest,
        projection,
        quantised,
        materials,
        SourceLabels(names, units, labels.astype(np.float16)),
        _distance_quantiles(quantised, queries),
    )


class _EmbeddingStream:
    """Embeddings of rows, a chunk at a time."""

    def __init__(
        self, embedder: Embedder, graphs: CrystalGraphBatch, on_progress: Callable[[int, int], None], total: int
    ) -> None:
        self._embedder, self._graphs, self._tell, self._total, self._done = embedder, graphs, on_progress, total, 0

    def chunks(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield self._embedder(separate(select(self._graphs, rows[start : start + _ROWS_AT_ONCE])))

    def counted(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
        for chunk in self.chunks(rows):
            self._done += len(chunk)
            self._tell(self._done, self._total)
            yield chunk


def _sample(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).choice(rows, min(_N_FITTED, len(rows)), replace=False))


def _projected(projection: LatentProjection, chunks: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([projection(chunk) for chunk in chunks])


def _distance_quantiles(quantised: QuantisedVectors, queries: NDArray[np.float32]) -> NDArray[np.float32]:
    vectors = FaissIndex(quantised.codes.shape[1])
    vectors.add(np.arange(len(quantised.codes), dtype=np.int64), quantised.vectors())
    distances = corpus_distances(vectors.search(queries, N_NEIGHBOURS))
    quantiles = np.quantile(distances, np.linspace(0, 1, _N_QUANTILES))
    return np.asarray(quantiles, dtype=np.float32)


def labels_in_card_order(
    artifact: ModelArtifact, names: Sequence[str], labels: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Label columns ``[n_rows, n_names]`` as the card lists its properties; NaN for one that has no column."""
    ordered = np.full((len(labels), len(artifact.card.properties)), np.nan, dtype=np.float32)
    for column, entry in enumerate(artifact.card.properties):
        if entry.definition.name in names:
            ordered[:, column] = labels[:, list(names).index(entry.definition.name)]
    return ordered
