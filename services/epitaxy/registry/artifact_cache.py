"""Local copies of models' files, by tenant and digest; every use checks them."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from epitaxy.registry.ports import LocalCopy
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.fitted.digest import folder_digest

_LOG = logging.getLogger(__name__)
_DRAFTS = ".drafts"
# A folder that was handed out a moment ago is still being read.
_IN_USE_SECONDS = 120.0
_ABANDONED_SECONDS = 24 * 3600.0


class ArtifactCache:
    """A folder that processes share: ``<tenant>/<digest>``, filled by renaming, emptied least recently used first."""

    def __init__(self, root: Path, capacity_bytes: int) -> None:
        self._root, self._capacity = root, capacity_bytes

    def folder(self, tenant: str, digest: str, download: Callable[[Path], None]) -> Path:
        """A folder whose files have this digest; ``download`` writes them into a folder if they are not held.

        Raises CheckpointError if the downloaded files have another digest.
        """
        held = self._root / tenant / digest.replace(":", "-")
        if not self._is_whole(held, digest):
            self._fill(held, digest, download)
        os.utime(held)
        self._evict(spared=held)
        return held

    def forget(self, tenant: str) -> None:
        """Removes all copies of a tenant."""
        shutil.rmtree(self._root / tenant, ignore_errors=True)

    def prune(self, age_seconds: float, *, dry_run: bool = False) -> Iterator[LocalCopy]:
        """Removes folders that were not used for a time; a dry run only names them."""
        now = time.time()
        for folder in sorted(self._root.glob("[!.]*/*")):
            if _age(folder, now) > max(age_seconds, _IN_USE_SECONDS):
                copy = LocalCopy(f"{folder.parent.name}/{folder.name}", _size(folder))
                if not dry_run:
                    self._discard(folder)
                yield copy

    def _is_whole(self, held: Path, digest: str) -> bool:
        if not held.is_dir():
            return False
        try:
            if folder_digest(held) == digest:
                return True
        except CheckpointError:
            pass
        _LOG.warning("the local copy %s is damaged: fetching it again", held.name)
        self._discard(held)
        return False

    def _fill(self, held: Path, digest: str, download: Callable[[Path], None]) -> None:
        drafts = self._root / _DRAFTS
        drafts.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=drafts))
        try:
            download(draft)
            check_digest(draft, digest)
            held.parent.mkdir(exist_ok=True)
            self._take_over(draft, held)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @staticmethod
    def _take_over(draft: Path, held: Path) -> None:
        try:
            draft.rename(held)
        except OSError:
            if not held.is_dir():  # else another process was faster, with the same files
                raise

    def _discard(self, held: Path) -> None:
        """Moved away first, so that no other process sees half of it."""
        drafts = self._root / _DRAFTS
        drafts.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=drafts))
        with suppress(FileNotFoundError):  # another process did it
            held.rename(aside / "discarded")
        shutil.rmtree(aside, ignore_errors=True)

    def _evict(self, spared: Path) -> None:
        now = time.time()
        for draft in (self._root / _DRAFTS).glob("*"):
            if _age(draft, now) > _ABANDONED_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)
        folders = sorted(self._root.glob("[!.]*/*"), key=lambda folder: -_age(folder, now))
        sizes = {folder: _size(folder) for folder in folders}
        excess = sum(sizes.values()) - self._capacity
        for folder in folders:
            if excess <= 0:
                return
            if folder != spared and _age(folder, now) > _IN_USE_SECONDS:
                self._discard(folder)
                excess -= sizes[folder]


def check_digest(folder: Path, digest: str) -> None:
    """Raises CheckpointError unless the folder's files have this digest."""
    if folder_digest(folder) != digest:
        raise CheckpointError("the stored files are not those that were registered", reason="DAMAGED_ARTIFACT")


def _age(path: Path, now: float) -> float:
    """Seconds since the last use; 0 for what another process has just removed."""
    try:
        return now - path.stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # just removed
            continue
    return total
