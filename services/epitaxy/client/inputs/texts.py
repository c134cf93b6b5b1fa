"""Structure files of text: CIF, POSCAR, extended XYZ, pymatgen's JSON. The server reads them; here they are split."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import BinaryIO

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.cif_text import MAX_CIF_BYTES, structure_part, structures_of
from epitaxy.client.inputs.item import Source, Text, TextKind, refuse
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.records import read_record
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.tables.ids import own_id
from epitaxy.tables.texts import decode_text, kind_of_binary

# Larger than any structure that a model takes, smaller than what gRPC and the gateway let through.
_MAX_LINE_BYTES = 1 << 16
_MAX_JSON_BYTES = 64 << 20
_MAX_ATOMS = 10**9


def read_poscar(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The one structure of a POSCAR file."""
    yield file_id, decode(file.read(MAX_STRUCTURE_BYTES), "poscar")


def read_cif(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of a CIF file; the ids of several are ``file_id#block``."""
    content = file.read(MAX_CIF_BYTES)
    if len(content) > MAX_CIF_BYTES:
        yield file_id, _too_large()
        return
    text = None if kind_of_binary(content[:16]) else decode_text(content)
    if text is None:
        yield file_id, _no_text(content)
        return
    if len(content) > MAX_STRUCTURE_BYTES:
        # Reflections and refinement instructions are embedded; the limit is on the structure.
        text = structure_part(text)
    for name, block in structures_of(text):
        fits = len(block) <= MAX_STRUCTURE_BYTES // 4 or len(block.encode()) <= MAX_STRUCTURE_BYTES
        yield f"{file_id}#{name}" if name else file_id, Text("cif", block) if fits else _too_large()


def read_json(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structure of a JSON document, or the several of a list."""
    content = file.read(_MAX_JSON_BYTES)
    if len(content) > _MAX_JSON_BYTES:
        yield file_id, refuse("TOO_LARGE", "over 64 MiB of JSON; write one structure a line (.jsonl)")
        return
    try:
        document = json.loads(content)
    except UnicodeDecodeError:
        yield file_id, _no_text(content)
        return
    except (ValueError, RecursionError) as error:
        yield file_id, refuse("UNREADABLE", f"the file is not valid JSON: {error}")
        return
    yield from _read_document(document, file_id)


def read_xyz(file: StoredFile, file_id: str, _log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The frames of an XYZ file; the ids of several are ``file_id/0``, ``file_id/1``, ..."""
    with file.open() as content:
        frames = _frames(content)
        first, second = next(frames, None), next(frames, None)
        if first is None:
            yield file_id, refuse("EMPTY_STRUCTURE", "the file holds no frame")
        elif second is None:
            yield file_id, first
        else:
            yield f"{file_id}/0", first
            yield f"{file_id}/1", second
            yield from ((f"{file_id}/{number}", frame) for number, frame in enumerate(frames, start=2))


def count_xyz(file: StoredFile) -> int:
    """Structures that ``read_xyz`` yields."""
    with file.open() as content:
        return max(1, sum(1 for _ in _frames(content)))


def decode(content: bytes, kind: TextKind) -> Source:
    """Text to send, or why it cannot be sent."""
    what = kind_of_binary(content[:16])
    if len(content) > MAX_STRUCTURE_BYTES and not what:
        return _too_large()
    text = None if what else decode_text(content)
    if text is None:
        return _no_text(content)
    # Latin-1 grows on its way.
    return Text(kind, text) if len(text.encode()) <= MAX_STRUCTURE_BYTES else _too_large()


def _too_large() -> Source:
    return refuse("TOO_LARGE", f"over {MAX_STRUCTURE_BYTES >> 20} MiB for one structure; send a smaller cell")


def _no_text(content: bytes) -> Source:
    if what := kind_of_binary(content[:16]):
        return refuse("NOT_UTF8", f"the content is not text: it is {what}; give a structure file")
    return refuse("NOT_UTF8", "the file is not text in UTF-8, UTF-16 or Latin-1; convert it to UTF-8 with iconv")


def _read_document(document: object, file_id: str) -> Iterator[tuple[str, Source]]:
    if isinstance(document, list):
        for number, entry in enumerate(document):
            yield own_id(entry) or f"{file_id}/{number}", _read_entry(entry)
    else:
        yield file_id, _read_entry(document)


def _read_entry(entry: object) -> Source:
    """A structure, or a document that holds one under ``structure``."""
    if isinstance(entry, Mapping) and "structure" in entry:
        return read_record(entry["structure"])
    return read_record(entry)


def _frames(file: BinaryIO) -> Iterator[Source]:
    """Frames in turn; after a frame without a count nothing more can be told apart, so it is the last."""
    while head := _next_head(file):
        try:
            n_atoms = int(head)
        except ValueError:
            if what := kind_of_binary(head):
                yield refuse("NOT_UTF8", f"the content is not text: it is {what}; give a structure file")
                return
            yield refuse("UNREADABLE", f"{_shown(head)} is not the number of atoms that starts an XYZ frame")
            return
        yield _read_frame(file, head, min(max(n_atoms, 0), _MAX_ATOMS))


def _next_head(file: BinaryIO) -> bytes:
    """The next line with text, empty at the end of the file."""
    for line in iter(lambda: file.readline(_MAX_LINE_BYTES), b""):
        if line.strip():
            return line.removeprefix(b"\xef\xbb\xbf")
    return b""


def _read_frame(file: BinaryIO, head: bytes, n_atoms: int) -> Source:
    kept, n_bytes = [head], len(head)
    for line in islice(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), n_atoms + 1):
        n_bytes += len(line)
        if n_bytes <= MAX_STRUCTURE_BYTES:
            kept.append(line)
    if n_bytes > MAX_STRUCTURE_BYTES:
        return refuse("TOO_LARGE", f"over {MAX_STRUCTURE_BYTES >> 20} MiB for one frame; send a smaller cell")
    return decode(b"".join(kept), "extxyz")


def _shown(line: bytes) -> str:
    return repr(line[:40].decode("utf-8", "replace").strip())
