"""A block of features in a file, read a piece at a time: pages of a kept mapping would count as memory."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError


@dataclass(frozen=True)
class StoredBlock:
    """Rows of features in a ``.npy`` file.

    Attributes:
        path: Of the file, float32 ``[n_rows, width]``.
    """

    path: Path

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Rows and width. Raises CheckpointError (INVALID_POOL) if the file is damaged."""
        return self._mapped().shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, chosen: NDArray[np.int64] | slice) -> NDArray[np.floating]:
        """A copy of some rows; the mapping is closed again."""
        return np.array(self._mapped()[chosen])

    def _mapped(self) -> NDArray[np.floating]:
        try:
            mapped: NDArray[np.floating] = np.load(self.path, mmap_mode="r", allow_pickle=False)
            return mapped
        except (OSError, ValueError, EOFError) as error:
            raise CheckpointError(f"{self.path.name} is no block of a pool", reason="INVALID_POOL") from error
