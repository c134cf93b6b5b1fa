"""A file on disk or in an archive, and its content as it was before it was packed."""

import codecs
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from epitaxy.client.inputs.packed import bytes_in_memory, read_at_most, unpacked
from epitaxy.tables.lines import bounded_lines
from epitaxy.tables.texts import kind_of_binary

_HEAD_BYTES = 16


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
        return Path(self.path).open("rb") if self.content is None else bytes_in_memory(self.content)

    def open(self) -> io.BufferedReader:
        """The file, unpacked if its content says that it is packed.

        Raises:
            OSError: It cannot be read.
            ValueError: It is packed in a way that is not supported; says what to do.
        """
        file = self.open_raw()
        try:
            return unpacked(file)
        except BaseException:
            file.close()
            raise

    def read(self, most: int) -> bytes:
        """The content, of a longer one ``most`` bytes and one more. Raises as ``open``."""
        if self.content is None:
            with open(self.path, "rb") as file:  # noqa: PTH123 - a Path for each of a million files takes long
                content = read_at_most(file, most)
        else:
            content = self.content[: most + 1]
        if "compressed" not in kind_of_binary(content[:_HEAD_BYTES]):
            return content
        with self.open() as unpacked_file:
            return unpacked_file.read(most + 1)

    def lines(self) -> Iterator[str]:
        """Lines of a text in UTF-8 or, by its mark, in UTF-16, their ends kept. Raises ValueError too."""
        with self.open() as file:
            is_utf16 = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            with io.TextIOWrapper(file, "utf-16" if is_utf16 else "utf-8-sig", newline="") as lines:
                yield from bounded_lines(lines)
