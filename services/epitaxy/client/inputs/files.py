"""Which files hold structures, and how they are read."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from epitaxy.client.inputs.archives import count_members, is_archive, read_members
from epitaxy.client.inputs.blocks import CellBlock
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.item import Source, refuse
from epitaxy.client.inputs.packed import UNPACKING_ERRORS, unpacked_name
from epitaxy.client.inputs.parquet_blocks import read_blocks, reads_blocks
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import count_rows, row_opener_of
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.inputs.structure_files import (
    KNOWN_ENDINGS,
    read_text_file,
    refuse_file,
    stem_of,
    text_kind_of,
)
from epitaxy.client.inputs.tables import read_table
from epitaxy.tables.texts import kind_of_binary

_READ_ERRORS = (OSError, ValueError, *UNPACKING_ERRORS)  # pyarrow's errors are the first two


def holds_structures(name: str) -> bool:
    """Whether files of that name are read: texts, tables and archives."""
    return text_kind_of(name) is not None or row_opener_of(name) is not None or is_archive(name)


def read_file(file: StoredFile, file_id: str, columns: Columns, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of one file, those of tables from these columns.

    What cannot be read becomes a refusal, never an exception.
    """
    try:
        if file.content is None and is_archive(file.name):
            yield from _read_archive(file, file_id, columns, log)
        elif row_opener_of(file.name) is not None:
            yield from read_table(file, file_id, columns, log)
        else:
            yield from read_text_file(file, file_id, log)
    except _READ_ERRORS as error:
        yield file_id, refuse_file(file, error)


def read_file_blocks(
    file: StoredFile, file_id: str, columns: Columns, log: ReadingLog
) -> Iterator[CellBlock | tuple[str, Source]]:
    """The same; crystals of Parquet tables come as blocks where their cells are plain arrays."""
    if not reads_blocks(file, columns):
        yield from read_file(file, file_id, columns, log)
        return
    try:
        yield from read_blocks(file, file_id, columns)
    except _READ_ERRORS as error:
        yield file_id, refuse_file(file, error)


def _read_archive(archive: StoredFile, file_id: str, columns: Columns, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """The structures of an archive's files, with the archive's id and the path in it; one refusal if it has none."""
    n_read = 0
    for name, content in read_members(Path(archive.path)):
        if text_kind_of(name) is None and row_opener_of(name) is None:
            log.ignore(f"{archive.name}/{name}", _why_unread(name, content[:16]))
            continue
        if is_csv(name):
            log.ignore(f"{archive.name}/{name}", _CSV_BESIDE)
            continue
        n_read += 1
        parent = PurePosixPath(name).parent.as_posix()
        inner = stem_of(name) if parent == "." else f"{parent}/{stem_of(name)}"
        yield from read_file(StoredFile(name, content), f"{file_id}/{inner}", columns, log)
    if not n_read:
        message = f"{archive.name} holds no file of a kind that is read: {KNOWN_ENDINGS}"
        yield file_id, refuse("EMPTY_STRUCTURE", message)


def count_file(file: StoredFile, columns: Columns) -> int:
    """Structures that ``read_file`` will yield, as far as can be said cheaply."""
    try:
        if is_archive(file.name):
            return count_members(Path(file.path))
        if row_opener_of(file.name) is not None:
            material = columns.material
            names = (columns.structure,) if material is None else material.names
            return count_rows(file, names, is_one_line_a_row=material is not None)
        kind = text_kind_of(file.name)
        return kind.count(file) if kind is not None else 1
    except _READ_ERRORS:
        return 1


def is_csv(name: str) -> bool:
    """Whether a file is a CSV table: beside structures, it holds their labels, not them."""
    return unpacked_name(name).lower().endswith(".csv")


_CSV_BESIDE = "a CSV table beside structures; name the table itself to read it"


def why_ignored(path: Path, *, opens: bool = True) -> str:
    """Why a file of a folder is not read, from its name and, if it may be opened, from its first bytes."""
    if is_csv(path.name):
        return _CSV_BESIDE
    try:
        head = b""
        if opens:
            with path.open("rb") as file:
                head = file.read(16)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    return _why_unread(path.name, head)


def _why_unread(name: str, head: bytes) -> str:
    what = kind_of_binary(head)
    if "compressed" in what:
        return f"{what}, and its name does not say what is in it"
    if what:
        return what
    ending = os.path.splitext(unpacked_name(name))[1].lower()  # noqa: PTH122 - a Path for each file takes long
    return f"ending {ending}" if ending else "no ending"
