"""Form of cache entries: checked before they are used, so that a damaged one is a miss and never an answer."""

import struct
import zlib

import numpy as np

from epitaxy.prediction.ports import Embedding

# Magic and format version, members, width, CRC-32 of the entry's key and the values.
_HEADER = struct.Struct("<4sHHI")
_MAGIC = b"EPE1"
_CHECKSUM = struct.Struct("<I")


def encode_embedding(key: bytes, embedding: Embedding) -> bytes:
    """Header and raw little-endian float32 values of an embedding ``[n_members, embedding_width]``."""
    body = np.ascontiguousarray(embedding, dtype="<f4").tobytes()
    return _HEADER.pack(_MAGIC, *embedding.shape, _checksum(key, body)) + body


def decode_embedding(key: bytes, entry: bytes, shape: tuple[int, int]) -> Embedding | None:
    """The embedding, None where the entry is torn, altered, of another form or shape, or of another crystal."""
    if len(entry) != _HEADER.size + 4 * shape[0] * shape[1]:
        return None
    magic, members, width, checksum = _HEADER.unpack_from(entry)
    body = memoryview(entry)[_HEADER.size :]
    if magic != _MAGIC or (members, width) != shape or _checksum(key, body) != checksum:
        return None
    return np.frombuffer(body, dtype="<f4").reshape(shape)


def encode_graph_key(digest: bytes, key: bytes) -> bytes:
    """A graph key bound by a checksum to the content digest that it belongs to."""
    return key + _CHECKSUM.pack(_checksum(digest, key))


def decode_graph_key(digest: bytes, entry: bytes) -> bytes | None:
    """The graph key, None where the entry is damaged or belongs to other content."""
    key, checksum = entry[: -_CHECKSUM.size], entry[-_CHECKSUM.size :]
    return key if checksum == _CHECKSUM.pack(_checksum(digest, key)) else None


def _checksum(key: bytes, content: bytes | memoryview) -> int:
    """CRC-32 of an entry together with its key: an entry under a foreign key is damaged too."""
    return zlib.crc32(content, zlib.crc32(key))
