"""Where the vectors of source corpora are searched: in the process, or on a Qdrant server."""

from epitaxy.vectors.opening import open_vectors
from epitaxy.vectors.settings import VectorSettings

__all__ = ["VectorSettings", "open_vectors"]
