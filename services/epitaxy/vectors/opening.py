"""The vectors of a source index, ready to search, wherever the settings say."""

import zlib

from epitaxy.vectors.settings import VectorSettings
from epitaxy_models.source_index import FaissIndex, SourceIndex, VectorIndex

# Of a model's digest in the name of its collection.
_DIGEST_DIGITS = 16


def open_vectors(settings: VectorSettings, source: SourceIndex) -> VectorIndex:
    """Searches the materials of a source index by their row numbers.

    Vectors that a server lacks are uploaded; ids are row numbers, so an interrupted upload continues
    and two processes that upload at once do no harm. Raises UnavailableError, FailedPreconditionError.
    """
    vectors = _index(settings, source)
    if vectors.n_vectors < source.n_materials:
        source.fill(vectors)
    return vectors


def _index(settings: VectorSettings, source: SourceIndex) -> VectorIndex:
    if not settings.qdrant_url:
        return FaissIndex(source.n_directions)
    # An optional dependency: imported only if a server is set.
    from epitaxy.vectors.qdrant_index import QdrantIndex  # noqa: PLC0415

    return QdrantIndex.connect(settings, _collection(settings, source), source.n_directions)


def _collection(settings: VectorSettings, source: SourceIndex) -> str:
    """Names model and content: an index built anew never meets the vectors of an older one."""
    digest = source.weights_digest.removeprefix("sha256:")[:_DIGEST_DIGITS]
    return f"{settings.collection_prefix}-source-{digest}-{zlib.crc32(source.quantised.codes.tobytes()):08x}"
