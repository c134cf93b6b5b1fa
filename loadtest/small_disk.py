"""A disk of a few megabytes that really fills: a tmpfs of its own. Needs root, Linux."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class CannotMountError(RuntimeError):
    """This machine lets this user mount nothing."""


class SmallDisk:
    """A mounted disk.

    Attributes:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leaves no byte free, unless something is deleted meanwhile."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def make_room(self) -> None:
        self._ballast.unlink()

    @property
    def n_free(self) -> int:
        """Bytes that are free."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize


@contextmanager
def small_disk(folder: Path, n_bytes: int) -> Iterator[SmallDisk]:
    """Mounts one. Raises CannotMountError without root."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "epitaxy-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        raise CannotMountError("only root can mount a small disk")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: a process that is being stopped may still hold a file there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
