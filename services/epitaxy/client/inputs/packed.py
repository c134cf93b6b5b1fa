"""Content that may be packed with gzip, bzip2 or xz: known by how it begins, whatever the file's name says."""

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from epitaxy.tables.texts import kind_of_binary

# Endings of packed files, with those that are known and not read.
_PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".z")
_OPENERS: dict[str, Callable[[Any], Any]] = {
    "gzip-compressed": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2-compressed": bz2.BZ2File,
    "xz-compressed": lzma.LZMAFile,
}
_REMEDIES = {"zstd-compressed": "unzstd", "compressed by compress": "uncompress"}
_HEAD_BYTES = 16
_BUFFER_BYTES = 1 << 18
# What unpackers raise for a file that is cut off or damaged, beside OSError and ValueError.
UNPACKING_ERRORS = (EOFError, lzma.LZMAError)


class _Unpacker(io.RawIOBase):
    """Reads what a library unpacks, and closes the file below it."""

    def __init__(self, stream: Any, file: BinaryIO) -> None:
        self._stream, self._file = stream, file

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer. Raises ValueError if the content is damaged."""
        try:
            content = self._stream.read(len(buffer))
        except EOFError:
            raise ValueError("its compressed content ends too early: copy the file again") from None
        except Exception as error:  # zlib.error and lzma.LZMAError have no base in common
            raise ValueError(f"its compressed content is damaged: {error}") from None
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Closes both."""
        super().close()
        self._stream.close()
        self._file.close()


def unpacked(file: io.BufferedReader) -> io.BufferedReader:
    """The bytes of an open file as they were before it was packed.

    Raises ValueError for a kind that is known and not read; says what to do.
    """
    kind = kind_of_binary(file.peek(_HEAD_BYTES)[:_HEAD_BYTES])
    if "compressed" not in kind:
        return file
    if kind not in _OPENERS:
        raise ValueError(f"it is {kind}, which is not supported: decompress it first ({_REMEDIES[kind]})")
    return io.BufferedReader(_Unpacker(_OPENERS[kind](file), file), _BUFFER_BYTES)


def read_at_most(file: BinaryIO, most: int) -> bytes:
    """The bytes of an open file, of a longer one ``most`` and one more: a small packed file can be huge."""
    # A buffer as large as the bound costs more than a small file. What is unpacked, and a pipe, has no size.
    is_plain = isinstance(getattr(file, "raw", None), io.FileIO)
    size = os.fstat(file.fileno()).st_size if is_plain else 0
    return file.read(size + 1 if 0 < size < most else most + 1)


def unpacked_name(name: str) -> str:
    """The name of a file without the ending that says that it is packed."""
    return name[: name.rindex(".")] if name.lower().endswith(_PACKED_ENDINGS) else name


def bytes_in_memory(content: bytes) -> io.BufferedReader:
    """Bytes as a file that can be looked ahead in."""
    return io.BufferedReader(cast("io.RawIOBase", io.BytesIO(content)))
