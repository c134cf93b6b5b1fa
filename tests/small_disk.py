"""A disk of a few megabytes that really fills, where this machine lets a test have one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from loadtest import small_disk
from loadtest.small_disk import CannotMountError


class SmallDisk(small_disk.SmallDisk):
    def fill(self) -> None:
        super().fill()
        assert self.n_free == 0


@contextmanager
def mounted(folder: Path, n_bytes: int) -> Iterator[SmallDisk]:
    with ExitStack() as opened:
        try:
            disk = opened.enter_context(small_disk.small_disk(folder, n_bytes))
        except CannotMountError as error:
            pytest.skip(str(error))
        yield SmallDisk(disk.folder)
