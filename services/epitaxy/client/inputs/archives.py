"""Structure files in zip and tar archives, read from the stream: nothing is unpacked to disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from epitaxy.client.errors import InvalidRequestError

ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_MEMBERS = 1_000_000
MAX_MEMBER_BYTES = 256 << 20
MAX_UNPACKED_BYTES = 64 << 30
# An unknown method of compression is NotImplementedError.
_DAMAGE = (EOFError, NotImplementedError, tarfile.TarError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of an archive.

    Attributes:
        name: Path in the archive.
        size: Bytes that it unpacks to, as the archive states.
        obstacle: Why it is not read; empty for a regular file.
    """

    name: str
    size: int
    obstacle: str = ""


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(ARCHIVE_ENDINGS)


def list_members(path: Path) -> list[Member]:
    """Files and links of an archive in its order, without folders.

    Raises:
        InvalidRequestError: It cannot be read, or holds or unpacks to more than is read.
    """
    members: list[Member] = []
    n_bytes = 0
    try:
        for member in _zip_members(path) if _is_zip(path) else _tar_members(path):
            members.append(member)
            n_bytes += member.size
            _check_bounds(path, len(members), n_bytes)
    except (OSError, ValueError, *_DAMAGE) as error:
        raise _unreadable(path, error) from None
    return members


def read_members(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the wanted regular files, in the archive's order.

    Raises:
        OSError: The archive cannot be read.
        ValueError: It is damaged.
    """
    try:
        yield from _read_zip(path, wanted) if _is_zip(path) else _read_tar(path, wanted)
    except _DAMAGE as error:
        raise ValueError(f"the archive is damaged: {error}") from None


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, _zip_obstacle(info))


def _zip_obstacle(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if mode & 0o170000 == 0o120000:
        return "a link, which is not followed"
    return "encrypted: unpack it with its password" if info.flag_bits & 1 else _obstacle(info.filename, info.file_size)


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            if not info.isdir():
                is_file = info.isreg() and not info.issparse()
                what = "a link, which is not followed" if info.islnk() or info.issym() else "not a regular file"
                yield Member(
                    info.name, info.size if is_file else 0, _obstacle(info.name, info.size) if is_file else what
                )


def _obstacle(name: str, size: int) -> str:
    if any(part.startswith("._") or part in ("__MACOSX", ".DS_Store") for part in PurePosixPath(name).parts):
        return "a file of the operating system"
    return f"over {MAX_MEMBER_BYTES >> 20} MiB: unpack it first" if size > MAX_MEMBER_BYTES else ""


def _read_zip(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename in wanted and not _zip_obstacle(info):
                with archive.open(info) as file:
                    yield info.filename, file.read(MAX_MEMBER_BYTES)


def _read_tar(path: Path, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r|*") as archive:
        for info in archive:
            is_file = info.isreg() and not info.issparse() and not _obstacle(info.name, info.size)
            if is_file and info.name in wanted and (file := archive.extractfile(info)) is not None:
                yield info.name, file.read(MAX_MEMBER_BYTES)


def _check_bounds(path: Path, n_members: int, n_bytes: int) -> None:
    if n_members > MAX_MEMBERS or n_bytes > MAX_UNPACKED_BYTES:
        raise InvalidRequestError(
            f"{path.name} holds more than {MAX_MEMBERS:,} files or {MAX_UNPACKED_BYTES >> 30} GiB: split it",
            reason="ARCHIVE_TOO_LARGE",
        )


def _unreadable(path: Path, error: Exception) -> InvalidRequestError:
    text = " ".join(str((isinstance(error, OSError) and error.strerror) or error).split())[:160]
    return InvalidRequestError(f"cannot read the archive {path.name}: {text}", reason="UNREADABLE_FILE")
