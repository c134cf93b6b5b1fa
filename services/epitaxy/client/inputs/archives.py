"""Archives of structure files, zip and tar, packed or not: read member by member, never unpacked to disk.

What a member's header says of its size is not believed: each is read up to a bound, and so is the sum of all.
"""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, cast

from epitaxy.client.inputs.packed import UNPACKING_ERRORS, read_at_most

# Of one member, and of all members together. A structure file has kilobytes; a million of them a few gigabytes.
MAX_MEMBER_BYTES = 64 << 20
MAX_ARCHIVE_BYTES = 16 << 30
MAX_MEMBERS = 2_000_000
_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# Resource forks and thumbnails that operating systems add.
_FOREIGN = ("__MACOSX", ".DS_Store", "Thumbs.db")


class Member(NamedTuple):
    """A file in an archive: its path there, and its bytes; of one over the bound, one byte more than that."""

    name: str
    content: bytes


class ArchiveError(ValueError):
    """The archive is damaged, encrypted, or holds more than is read."""


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is an archive."""
    return name.lower().endswith(_ENDINGS)


def stem_of_archive(name: str) -> str:
    """The name without the ending of an archive."""
    ending = max((one for one in _ENDINGS if name.lower().endswith(one)), key=len, default="")
    return name[: len(name) - len(ending)]


def read_members(path: Path) -> Iterator[Member]:
    """The files of an archive, in its own order; folders, links, hidden and foreign files are passed over.

    Raises ArchiveError.
    """
    n_bytes = 0
    try:
        members = _zip_members(path) if zipfile.is_zipfile(path) else _tar_members(path)
        for number, member in enumerate(members, start=1):
            n_bytes += len(member.content)
            if number > MAX_MEMBERS or n_bytes > MAX_ARCHIVE_BYTES:
                raise ArchiveError(
                    f"{path.name} holds over {MAX_MEMBERS:,} files or {MAX_ARCHIVE_BYTES >> 30} GiB; unpack it"
                )
            yield member
    except (zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError, *UNPACKING_ERRORS) as error:
        raise ArchiveError(f"{path.name} cannot be unpacked: {error}") from error


def count_members(path: Path) -> int:
    """Files of a zip archive by its directory; a tar archive has none, and counts as one."""
    if not zipfile.is_zipfile(path):
        return 1
    with zipfile.ZipFile(path) as archive:
        return sum(1 for one in archive.infolist() if not one.is_dir() and _is_wanted(one.filename))


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for one in archive.infolist():
            if not one.is_dir() and _is_wanted(one.filename):
                with archive.open(one) as file:
                    yield Member(one.filename, read_at_most(cast(BinaryIO, file), MAX_MEMBER_BYTES))


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:*") as archive:
        for one in archive:
            if one.isfile() and _is_wanted(one.name):
                file = archive.extractfile(one)
                if file is not None:
                    yield Member(one.name, read_at_most(cast(BinaryIO, file), MAX_MEMBER_BYTES))


def _is_wanted(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not any(part in _FOREIGN or (part.startswith(".") and part != ".") for part in parts)
