"""Materials of the training data that a model sees as similar to a structure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.index.faiss_index import FaissIndex
from epitaxy_models.transfer.index.source_index import SourceIndex
from epitaxy_models.transfer.index.storage import FILE_NAME, load_source_index


@dataclass(frozen=True, slots=True)
class NearestMaterial:
    """One of them.

    Attributes:
        id: As the source names it, ``"mp-149"``.
        formula: Reduced, elements in alphabetical order.
        space_group: Number of the International Tables, 0 where unknown.
        distance: In the leading directions of the embedding.
        labels: Known values by property.
    """

    id: str
    formula: str
    space_group: int
    distance: float
    labels: dict[str, float]


class NearestMaterials:
    """Searches the source index that lies beside a model's weights; without one nothing is near."""

    def __init__(self, folder: Path, weights_digest: str) -> None:
        """Raises CheckpointError where the index is damaged or another model's."""
        path = folder / FILE_NAME
        self._source = load_source_index(path, weights_digest) if path.exists() else None
        if self._source is not None:
            self._vectors = FaissIndex(self._source.n_directions)
            self._source.fill(self._vectors)

    def __call__(self, embedding: NDArray[np.float32], count: int) -> tuple[NearestMaterial, ...]:
        """That many, nearest first, to an embedding ``[1, n_members, embedding_width]``."""
        if self._source is None or count < 1:
            return ()
        found = self._vectors.search(self._source.coordinates(embedding), count)
        pairs = zip(found.ids[0].tolist(), found.distances[0].tolist(), strict=True)
        return tuple(_material(self._source, row, distance) for row, distance in pairs)


def _material(source: SourceIndex, row: int, distance: float) -> NearestMaterial:
    material = source.material(row)
    labels = {name: value for name, value in material.labels.items() if value is not None}
    return NearestMaterial(material.id, material.formula, material.space_group, distance, labels)
