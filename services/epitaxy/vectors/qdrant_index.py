"""Nearest neighbours on a Qdrant server, for corpora that outgrow one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import Batch, Distance, QueryRequest, VectorParams

from epitaxy.chassis.errors import FailedPreconditionError, UnavailableError
from epitaxy.vectors.settings import VectorSettings
from epitaxy_models.source_index.vector_index import Neighbours, checked_count, checked_ids, checked_vectors

# Some 300 kB a request at 64 directions; the server's limit is 32 MB.
_POINTS_AT_ONCE = 512
_QUERIES_AT_ONCE = 128


class QdrantIndex:
    """One collection of a server; it outlives the process and several may share it."""

    def __init__(self, client: QdrantClient, collection: str, width: int) -> None:
        """Creates the collection if it is missing.

        Raises FailedPreconditionError if it holds vectors of another width or distance, UnavailableError if the
        server does not answer.
        """
        self._client, self._collection, self.width = client, collection, width
        with _answering():
            if not client.collection_exists(collection):
                self._create()
        self._check_collection()

    @classmethod
    def connect(cls, settings: VectorSettings, collection: str, width: int) -> "QdrantIndex":
        """As the constructor, on the server of the settings."""
        client = QdrantClient(
            url=settings.qdrant_url,
            api_key=settings.qdrant_api_key.get_secret_value() or None,
            timeout=settings.timeout_seconds,
            # It would warn in place of raising; the first request tells more.
            check_compatibility=False,
        )
        return cls(client, collection, width)

    @property
    def n_vectors(self) -> int:
        """Vectors held."""
        with _answering():
            return int(self._client.count(self._collection, exact=True).count)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """As ``VectorIndex.add``; returns when they can be searched. Raises UnavailableError."""
        plain = checked_vectors(vectors, self.width)
        names = checked_ids(ids, len(plain))
        for start in range(0, len(plain), _POINTS_AT_ONCE):
            part = slice(start, start + _POINTS_AT_ONCE)
            with _answering():
                self._client.upsert(
                    self._collection, Batch(ids=names[part].tolist(), vectors=plain[part].tolist()), wait=True
                )

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """As ``VectorIndex.search``; exact while Qdrant holds few enough vectors to scan. Raises UnavailableError."""
        plain, count = checked_vectors(queries, self.width), min(checked_count(k), self.n_vectors)
        if not count or not len(plain):
            return Neighbours(np.zeros((len(plain), count)), np.zeros((len(plain), count), dtype=np.int64))
        found = [row for start in range(0, len(plain), _QUERIES_AT_ONCE) for row in self._found(plain, start, count)]
        # A graph search may find fewer than asked for: all rows are as long as the shortest.
        shortest = min(len(row) for row in found)
        distances = np.array([[distance for distance, _ in row[:shortest]] for row in found], dtype=np.float64)
        ids = np.array([[name for _, name in row[:shortest]] for row in found], dtype=np.int64)
        return Neighbours(distances, ids)

    def drop(self) -> None:
        """Deletes the collection with all it holds. Raises UnavailableError."""
        with _answering():
            self._client.delete_collection(self._collection)

    def _found(self, queries: NDArray[np.float32], start: int, k: int) -> list[list[tuple[float, int]]]:
        requests = [QueryRequest(query=query.tolist(), limit=k) for query in queries[start : start + _QUERIES_AT_ONCE]]
        with _answering():
            answers = self._client.query_batch_points(self._collection, requests)
        return [sorted((float(point.score), int(point.id)) for point in answer.points) for answer in answers]

    def _create(self) -> None:
        try:
            self._client.create_collection(
                self._collection, vectors_config=VectorParams(size=self.width, distance=Distance.EUCLID)
            )
        except UnexpectedResponse as error:
            # 409: another process made it meanwhile.
            if error.status_code != 409:
                raise

    def _check_collection(self) -> None:
        with _answering():
            vectors = self._client.get_collection(self._collection).config.params.vectors
        if not isinstance(vectors, VectorParams) or (vectors.size, vectors.distance) != (self.width, Distance.EUCLID):
            raise FailedPreconditionError(
                f"collection {self._collection} holds other vectors: choose another EPITAXY_VECTORS_COLLECTION_PREFIX",
                reason="FOREIGN_COLLECTION",
            )


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what the client raises into an error without the server's address."""
    try:
        yield
    except (ApiException, ResponseHandlingException, UnexpectedResponse) as error:
        raise UnavailableError("vector search does not answer", reason="VECTORS_UNAVAILABLE") from error
