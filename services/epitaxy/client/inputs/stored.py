"""A file on disk or in an archive, and its content as it was before it was compressed."""

import codecs
import gzip
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from epitaxy.tables.texts import kind_of_binary

COMPRESSED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".z")
_REMEDIES = {"zstd-compressed": "unzstd", "compressed by compress": "uncompress"}
_HEAD_BYTES = 16
_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file.

    Attributes:
        path: Path on disk; of a file in an archive, its name there.
        content: Content of a file in an archive; None for a file on disk.
    """

    path: str
    content: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Name without folders."""
        return os.path.basename(self.path)  # noqa: PTH119 - a Path for each of a million files takes long

    @property
    def folder(self) -> Path | None:
        """Folder that file names in its cells are relative to; None for a file in an archive."""
        return Path(self.path).parent if self.content is None else None

    def open_raw(self) -> io.BufferedReader:
        """The file as it is stored."""
        if self.content is None:
            return Path(self.path).open("rb")
        return io.BufferedReader(cast("io.RawIOBase", io.BytesIO(self.content)))

    def open(self) -> io.BufferedReader:
        """The file, decompressed if its content says that it is compressed.

        Raises:
            OSError: It cannot be read.
            ValueError: It is compressed in a way that is not supported; says what to do.
        """
        file = self.open_raw()
        try:
            return _decompressed(file, self.name)
        except BaseException:
            file.close()
            raise

    def read(self, most: int) -> bytes:
        """The content, of a longer one ``most`` bytes and one more. Raises as ``open``."""
        if self.content is None:
            with open(self.path, "rb") as file:  # noqa: PTH123 - a Path for each of a million files takes long
                size = os.fstat(file.fileno()).st_size
                # A buffer as large as the bound costs more than a small file; a pipe has no size.
                content = file.read(size + 1 if 0 < size < most else most + 1)
        else:
            content = self.content[: most + 1]
        if "compressed" not in kind_of_binary(content[:_HEAD_BYTES]):
            return content
        with self.open() as file:
            return file.read(most + 1)

    def lines(self) -> Iterator[str]:
        """Lines of a text in UTF-8 or, by its mark, in UTF-16, their ends kept. Raises UnicodeDecodeError too."""
        with self.open() as file:
            is_utf16 = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            with io.TextIOWrapper(file, "utf-16" if is_utf16 else "utf-8-sig", newline="") as lines:
                yield from lines


def without_compression(name: str) -> str:
    """A file's name without an ending such as ``.gz``."""
    is_compressed = name.lower().endswith(COMPRESSED_ENDINGS)
    return name[: name.rindex(".")] if is_compressed else name


class _Decompressor(io.RawIOBase):
    """Reads what a library decompresses, and closes the file below it."""

    def __init__(self, stream: BinaryIO, file: io.BufferedReader) -> None:
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


def _decompressed(file: io.BufferedReader, name: str) -> io.BufferedReader:
    kind = kind_of_binary(file.peek(_HEAD_BYTES)[:_HEAD_BYTES])
    if "compressed" not in kind:
        return file
    return io.BufferedReader(_Decompressor(_opened(file, kind, name), file), _BUFFER_BYTES)


def _opened(file: io.BufferedReader, kind: str, name: str) -> BinaryIO:
    if kind == "gzip-compressed":
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if kind == "bzip2-compressed":
        import bz2  # noqa: PLC0415 - some builds of Python lack it

        return cast("BinaryIO", bz2.BZ2File(file))
    if kind == "xz-compressed":
        import lzma  # noqa: PLC0415 - likewise

        return cast("BinaryIO", lzma.LZMAFile(file))
    raise ValueError(f"it is {kind}, which is not supported: decompress it first ({_REMEDIES[kind]} {name})")
