"""Exact nearest neighbours in this process, by FAISS."""

import faiss
import numpy as np
from numpy.typing import NDArray

from epitaxy_models.source_index.vector_index import Neighbours, checked_count, checked_ids, checked_vectors


class FaissIndex:
    """Flat search over float32 vectors: exact, and at 65,000 vectors faster than any approximate index is to build."""

    def __init__(self, width: int) -> None:
        """``width`` is the number of components of a vector."""
        self._index = faiss.IndexIDMap2(faiss.IndexFlatL2(width))

    @property
    def width(self) -> int:
        """Components of a vector."""
        return int(self._index.d)

    @property
    def n_vectors(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """As ``VectorIndex.add``."""
        plain = checked_vectors(vectors, self.width)
        names = checked_ids(ids, len(plain))
        # An IndexIDMap2 would hold both vectors of an id.
        self._index.remove_ids(faiss.IDSelectorBatch(names))
        self._index.add_with_ids(plain, names)

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """As ``VectorIndex.search``."""
        plain, count = checked_vectors(queries, self.width), min(checked_count(k), self.n_vectors)
        if not count or not len(plain):
            return Neighbours(np.zeros((len(plain), count)), np.zeros((len(plain), count), dtype=np.int64))
        squares, ids = self._index.search(plain, count)
        # FAISS expands |x - y|^2 into dot products, which can leave a hair below zero.
        return Neighbours(np.sqrt(np.maximum(squares, 0.0, dtype=np.float64)), ids)
