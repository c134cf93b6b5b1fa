"""Files as they are opened for reading: plain, or packed with gzip, bzip2 or xz, whatever their names say."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, TextIO, cast

PACKED_ENDINGS = frozenset({".gz", ".bz2", ".xz"})
_OPENERS: dict[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
# What unpackers raise for a file that is cut off or damaged, beside OSError.
UNPACKING_ERRORS = (EOFError, lzma.LZMAError, gzip.BadGzipFile)


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked if it begins as a packed file does."""
    with path.open("rb") as file:
        start = file.read(6)
    opener = next((one for magic, one in _OPENERS.items() if start.startswith(magic)), None)
    return path.open("rb") if opener is None else cast(IO[bytes], opener(path))


def open_text(path: Path) -> TextIO:
    """The text of a file; a byte order mark is no part of it."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")


def unpacked_name(path: Path) -> str:
    """The name of a file without the ending of a packed one."""
    return path.stem if path.suffix.lower() in PACKED_ENDINGS else path.name
