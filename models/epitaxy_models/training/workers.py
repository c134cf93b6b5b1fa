"""The processes that train one network together: each takes its share of every global batch."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from epitaxy_models.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Workers:
    """This process's place among ``count`` equals, which share a ``torch.distributed`` group where they are several.

    The global batch of a step is the same whatever the count: a worker computes its rows' part of the loss, normalized
    by the labels of the whole batch, and the gradients are summed.
    """

    rank: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.count:
            raise ConfigurationError(
                f"rank {self.rank} of {self.count} workers does not exist", reason="INVALID_WORKERS"
            )

    @property
    def is_first(self) -> bool:
        """True for the one worker that writes checkpoints and reports."""
        return self.rank == 0

    def share(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """This worker's rows: every ``count``-th, so that shares differ by one row at most."""
        return rows[self.rank :: self.count]

    def replicated(self, network: nn.Module) -> nn.Module:
        """The network whose backward pass averages gradients over the workers while it still runs.

        Its buffers are fitted from the same data by every worker and never change, so they are not sent.
        """
        return DistributedDataParallel(network, broadcast_buffers=False) if self.count > 1 else network

    def summed(self, values: NDArray[np.float64], device: str) -> NDArray[np.float64]:
        """The element-wise sum over all workers; every worker must call it."""
        if self.count == 1:
            return values
        tensor = torch.from_numpy(values.copy()).to(device)
        torch.distributed.all_reduce(tensor)
        total: NDArray[np.float64] = tensor.cpu().numpy()
        return total


ALONE = Workers()
