"""Form of cache entries: checked before they are used, so that a damaged one is a miss and never an answer."""

import json
import struct
import zlib

import numpy as np

from epitaxy.prediction.domain import Accepted
from epitaxy.prediction.ports import Embedding
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.ensembles.readout import Reading
from epitaxy_models.structures import Note, Repair, Structure

# Magic and format version, members, width, CRC-32 of the entry's key and the values.
_HEADER = struct.Struct("<4sHHI")
_MAGIC = b"EPE1"
_CHECKSUM = struct.Struct("<I")
# Score, properties, place of the verdict, number of elements.
# Arrays begin at multiples of eight bytes: kernels meet one kind of array.
_READING = struct.Struct("<dHBB4x")
_VERDICTS = tuple(DomainVerdict)
# Sites; the lattice, coordinates and numbers follow, and the repairs and notes as JSON.
_SITES = struct.Struct("<Q")
_BYTES_PER_LATTICE, _BYTES_PER_POSITION = 9 * 8, 3 * 8


def encode_embedding(key: bytes, embedding: Embedding) -> bytes:
    """Header and raw little-endian float32 values of an embedding ``[n_members, embedding_width]``."""
    body = np.ascontiguousarray(embedding, dtype="<f4").tobytes()
    return _HEADER.pack(_MAGIC, *embedding.shape, _checksum(key, body)) + body


def decode_embedding(key: bytes, entry: bytes, shape: tuple[int, int]) -> Embedding | None:
    """The embedding, None if the entry is truncated, altered, of another form or shape, or of another crystal."""
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
    """The graph key, None if the entry is damaged or belongs to other content."""
    return _intact(digest, entry)


def encode_reading(digest: bytes, reading: Reading) -> bytes:
    """Verdict, float64 spread and reason of a reading, and a checksum that binds them to its digest."""
    domain = reading.domain
    head = _READING.pack(domain.score, reading.spread.shape[1], _VERDICTS.index(domain.verdict), reading.n_elements)
    body = head + np.ascontiguousarray(reading.spread, dtype="<f8").tobytes() + domain.reason.encode()
    return body + _CHECKSUM.pack(_checksum(digest, body))


def decode_reading(digest: bytes, entry: bytes, n_properties: int) -> Reading | None:
    """The reading, None if the entry is damaged, of other properties, or of other content."""
    body = _intact(digest, entry)
    if body is None or len(body) < (start := _READING.size + 3 * 8 * n_properties):
        return None
    score, number, verdict, n_elements = _READING.unpack_from(body)
    if number != n_properties or verdict >= len(_VERDICTS):
        return None
    spread = np.frombuffer(body[_READING.size : start], dtype="<f8").reshape(3, number)
    return Reading(spread, DomainScore(score, _VERDICTS[verdict], body[start:].decode(errors="replace")), n_elements)


def encode_accepted(digest: bytes, accepted: Accepted) -> bytes:
    """The structure that a text holds with its repairs and notes, bound by a checksum to the text's digest."""
    structure = accepted.structure
    arrays = ((structure.lattice, "<f8"), (structure.frac_coords, "<f8"), (structure.atomic_numbers, "u1"))
    findings = [[[one.code, one.message] for one in kind] for kind in (accepted.repairs, accepted.notes)]
    told = json.dumps(findings) if any(findings) else ""
    body = _SITES.pack(structure.n_sites)
    body += b"".join(np.ascontiguousarray(array, dtype=kind).tobytes() for array, kind in arrays) + told.encode()
    return body + _CHECKSUM.pack(_checksum(digest, body))


def decode_accepted(digest: bytes, entry: bytes) -> Accepted | None:
    """The structure with its repairs and notes, None if the entry is damaged or belongs to another text."""
    body = _intact(digest, entry)
    if body is None or len(body) < _SITES.size:
        return None
    (n_sites,) = _SITES.unpack_from(body)
    coords = _SITES.size + _BYTES_PER_LATTICE
    numbers = coords + n_sites * _BYTES_PER_POSITION
    end = numbers + n_sites
    if len(body) < end:
        return None
    structure = Structure(
        np.frombuffer(body[_SITES.size : coords], dtype="<f8").reshape(3, 3),
        np.frombuffer(body[numbers:end], dtype=np.uint8),
        np.frombuffer(body[coords:numbers], dtype="<f8").reshape(-1, 3),
    )
    repairs, notes = json.loads(body[end:]) if len(body) > end else ((), ())
    return Accepted(
        structure,
        tuple(Repair(*pair) for pair in repairs),
        structure.content_digest(),
        tuple(Note(*pair) for pair in notes),
    )


def _intact(key: bytes, entry: bytes) -> bytes | None:
    """The entry without its checksum; None if the checksum does not match."""
    body, checksum = entry[: -_CHECKSUM.size], entry[-_CHECKSUM.size :]
    return body if checksum == _CHECKSUM.pack(_checksum(key, body)) else None


def _checksum(key: bytes, content: bytes | memoryview) -> int:
    """CRC-32 of an entry together with its key: an entry under a foreign key is damaged too."""
    return zlib.crc32(content, zlib.crc32(key))
