"""One digest for the files of a model, wherever they lie."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from epitaxy_models.errors import CheckpointError

_PREFIX = "sha256:"


def content_digest(files: Mapping[str, bytes]) -> str:
    """``sha256:`` and 64 hex digits over the names and contents of files; the order does not matter."""
    return _combined({name: hashlib.sha256(content).digest() for name, content in files.items()})


def folder_digest(folder: Path) -> str:
    """The same over all files below a folder, by their relative names.

    Raises CheckpointError if the folder cannot be read, holds no file, or holds a link.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
        if not paths or any(path.is_symlink() for path in paths):
            raise CheckpointError(f"{folder} holds no plain files of a model", reason="UNREADABLE_CHECKPOINT")
        return _combined({path.relative_to(folder).as_posix(): _file_digest(path) for path in paths})
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be read: {error.strerror}", reason="UNREADABLE_CHECKPOINT") from error


def _combined(digests: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(name.encode() + b"\0" + digests[name])
    return _PREFIX + total.hexdigest()


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
