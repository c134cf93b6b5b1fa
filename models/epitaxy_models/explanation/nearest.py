"""Materials of the training data that a model sees as similar to a structure."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.explanation.explanation import NearestMaterial
from epitaxy_models.source_index.faiss_index import FaissIndex
from epitaxy_models.source_index.index import SourceIndex
from epitaxy_models.source_index.storage import FILE_NAME, load_source_index
from epitaxy_models.structures.display import display_formula
from epitaxy_models.structures.formula import parse_formula


class NearestMaterials:
    """Searches the source index that lies beside a model's weights; without one nothing is near."""

    def __init__(self, folder: Path, weights_digest: str) -> None:
        """Raises CheckpointError if the index is damaged or another model's."""
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
    return NearestMaterial(material.id, as_written(material.formula), material.space_group, distance, labels)


def as_written(formula: str) -> str:
    """A formula of the index, in alphabetical order, as chemists write it."""
    amounts = parse_formula(formula)
    if not amounts:
        return formula
    numbers = np.repeat(list(amounts), [round(amount) for amount in amounts.values()])
    return display_formula(numbers.astype(np.uint8))
