"""Structure files of text: CIF, POSCAR, extended XYZ, pymatgen's JSON. The server reads them; here they are split."""

import codecs
import json
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.item import Source, Text, TextKind, refuse
from epitaxy.client.inputs.objects import own_id
from epitaxy.client.inputs.records import read_record

# Larger than any structure that a model takes, smaller than what gRPC and the gateway let through.
_MAX_LINE_BYTES = 1 << 16
_MAX_JSON_BYTES = 64 << 20
_MAX_ATOMS = 10**9


def read_text(path: Path, file_id: str, kind: TextKind) -> Iterator[tuple[str, Source]]:
    """The one structure of a CIF or POSCAR file."""
    yield file_id, decode(_read_bounded(path, MAX_STRUCTURE_BYTES), kind)


def read_json(path: Path, file_id: str) -> Iterator[tuple[str, Source]]:
    """The structure of a JSON document, or the several of a list."""
    content = _read_bounded(path, _MAX_JSON_BYTES)
    if len(content) > _MAX_JSON_BYTES:
        yield file_id, refuse("TOO_LARGE", "over 64 MiB of JSON; write one structure a line (.jsonl)")
        return
    try:
        document = json.loads(content)
    except UnicodeDecodeError:
        yield file_id, _no_text()
        return
    except (ValueError, RecursionError) as error:
        yield file_id, refuse("UNREADABLE", f"the file is not valid JSON: {error}")
        return
    yield from _read_document(document, file_id)


def _read_bounded(path: Path, most: int) -> bytes:
    """The file's bytes, of a longer one ``most`` and one more."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # A buffer as large as the bound costs more than a small file; a pipe has no size.
        return file.read(size + 1 if 0 < size < most else most + 1)


def read_xyz(path: Path, file_id: str) -> Iterator[tuple[str, Source]]:
    """The frames of an XYZ file; the ids of several are ``file_id/0``, ``file_id/1``, ..."""
    with path.open("rb") as file:
        frames = _frames(file)
        first, second = next(frames, None), next(frames, None)
        if first is None:
            yield file_id, refuse("EMPTY_STRUCTURE", "the file holds no frame")
        elif second is None:
            yield file_id, first
        else:
            yield f"{file_id}/0", first
            yield f"{file_id}/1", second
            yield from ((f"{file_id}/{number}", frame) for number, frame in enumerate(frames, start=2))


def count_xyz(path: Path) -> int:
    """Structures that ``read_xyz`` yields."""
    with path.open("rb") as file:
        return max(1, sum(1 for _ in _frames(file)))


def decode(content: bytes, kind: TextKind) -> Source:
    """Text to send, or why it cannot be sent."""
    if len(content) > MAX_STRUCTURE_BYTES:
        return _too_large()
    text = _text_of(content)
    if text is None:
        return _no_text()
    # Latin-1 grows on its way.
    return Text(kind, text) if len(text.encode()) <= MAX_STRUCTURE_BYTES else _too_large()


def _text_of(content: bytes) -> str | None:
    """UTF-8, UTF-16 with its mark, or Latin-1, as old programs write names of authors; None if it is not text."""
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None if b"\0" in content else content.decode("latin-1")


def _too_large() -> Source:
    return refuse("TOO_LARGE", f"over {MAX_STRUCTURE_BYTES >> 20} MiB for one structure; send a smaller cell")


def _no_text() -> Source:
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
            yield refuse("UNREADABLE", f"{_shown(head)} is not the number of atoms that starts an XYZ frame")
            return
        yield _read_frame(file, head, min(max(n_atoms, 0), _MAX_ATOMS))


def _next_head(file: BinaryIO) -> bytes:
    """The next line with text, empty at the end of the file."""
    for line in iter(lambda: file.readline(_MAX_LINE_BYTES), b""):
        if line.strip():
            return line
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
