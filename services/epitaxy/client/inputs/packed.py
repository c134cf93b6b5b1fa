"""Files that may be packed with gzip, bzip2 or xz: known by how they begin, whatever their names say."""

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

_PACKED_ENDINGS = frozenset({".gz", ".bz2", ".xz"})
_OPENERS: dict[bytes, Callable[[IO[bytes]], object]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_LONGEST_MAGIC = 6
# What unpackers raise for a file that is cut off or damaged, beside OSError and ValueError.
UNPACKING_ERRORS = (EOFError, lzma.LZMAError)


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file as they were before it was packed."""
    # Closing what unpacks does not close the file below.
    with path.open("rb") as file, unpacked(file) as content:
        yield content


def unpacked(file: BinaryIO) -> BinaryIO:
    """The bytes of an open file as they were before it was packed."""
    if not file.seekable():
        return file
    start = file.read(_LONGEST_MAGIC)
    file.seek(0)
    opener = next((one for magic, one in _OPENERS.items() if start.startswith(magic)), None)
    return file if opener is None else cast(BinaryIO, io.BufferedReader(opener(file)))


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """The bytes of an open file, of a longer one ``most`` and one more: a small packed file can be huge."""
    # A buffer as large as the bound costs more than a small file. What is unpacked, and a pipe, has no size.
    is_plain = isinstance(getattr(file, "raw", None), io.FileIO)
    size = os.fstat(file.fileno()).st_size if is_plain else 0
    return file.read(size + 1 if 0 < size < most else most + 1)


def unpacked_name(name: str) -> str:
    """The name of a file without the ending that says that it is packed."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a Path would be taken apart anew for each of a million files
    return stem if ending.lower() in _PACKED_ENDINGS else name
