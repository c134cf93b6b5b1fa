"""Files as they are opened for reading: plain or gzip."""

import gzip
import io
from pathlib import Path
from typing import IO, TextIO, cast


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in ``.gz``."""
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def open_text(path: Path) -> TextIO:
    """The text of a file; a byte order mark is no part of it."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")
