"""Structure files of text: CIF, POSCAR, extended XYZ, pymatgen's JSON. The server reads them; here they are split."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import BinaryIO

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.cif_blocks import CifBlock, has_several_blocks, split_blocks
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


def read_cif(file: StoredFile, file_id: str, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of a CIF: one for each data block that has atoms, ``file_id#block`` if there are several.

    Blocks without atoms are left out if there are others. A file beyond the bound of one structure is read without its
    embedded reflections.
    """
    content = file.read(MAX_STRUCTURE_BYTES)
    if len(content) > MAX_STRUCTURE_BYTES:
        yield from _read_blocks(split_blocks(_long_lines(file), without_reflections=True), file, file_id, log)
        return
    source = decode(content, "cif")
    if isinstance(source, Text) and has_several_blocks(source.content):
        yield from _read_blocks(split_blocks(source.content.splitlines(keepends=True)), file, file_id, log)
    else:
        yield file_id, source


def _read_blocks(
    blocks: Iterator[CifBlock], file: StoredFile, file_id: str, log: ReadingLog
) -> Iterator[tuple[str, Source]]:
    """Structures in turn; the first is held back until it is known whether it is the only one."""
    first: Source | None = None
    first_name, n_found, last = "", 0, None
    seen: Counter[str] = Counter()
    for block in blocks:
        if not block.has_atoms:
            last = block
            log.ignore(f"{file.name}#{block.name}", "a data block without atoms")
            continue
        n_found += 1
        seen[block.name] += 1
        name = f"{file_id}#{block.name or n_found}" + (f"#{seen[block.name]}" if seen[block.name] > 1 else "")
        if n_found == 1:
            first_name, first = name, _source_of(block, file, log)
            continue
        if first is not None:
            yield first_name, first
            first = None
        yield name, _source_of(block, file, log)
    if first is not None:
        yield file_id, first
    elif n_found == 0:
        # The server says what is missing.
        yield file_id, _source_of(last or CifBlock(""), file, log)


def _source_of(block: CifBlock, file: StoredFile, log: ReadingLog) -> Source:
    if block.n_left_out:
        log.note(f"{file.name}: left out {block.n_left_out / 2**20:.1f} MiB of reflections and other long fields")
    if block.is_too_large:
        return _too_large()
    return decode(block.text.encode("utf-8", "surrogateescape"), "cif")


def _long_lines(file: StoredFile) -> Iterator[str]:
    """Lines of a text in any one-byte encoding, of bounded length."""
    with file.open() as content:
        for line in iter(lambda: content.readline(_MAX_LINE_BYTES), b""):
            yield line.decode("utf-8", "surrogateescape")


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
