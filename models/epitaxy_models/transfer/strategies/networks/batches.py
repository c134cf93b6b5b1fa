"""Rows as batches that a transfer network consumes, and its answers in the order of the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.tensors import GraphTensors, to_tensors
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.transfer.strategies.networks.body import Ground, TransferNetwork


@dataclass(frozen=True, slots=True, eq=False)
class Minibatch:
    """Some rows, ready for the network.

    Attributes:
        rows: int64 ``[n_graphs]``.
        graph: Their graphs.
        known: Values that the caller knows, ``[n_graphs, n_known]``.
        ground: What the frozen layers say of them; None if no layer is frozen.
    """

    rows: NDArray[np.int64]
    graph: GraphTensors
    known: Tensor
    ground: Ground | None


@contextmanager
def one_thread() -> Iterator[None]:
    """Small batches gain nothing from threads, and sums of several threads differ from run to run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def minibatches(
    network: TransferNetwork,
    graphs: Sequence[CrystalGraph],
    known: NDArray[np.float32],
    order: NDArray[np.int64],
    size: int,
) -> list[Minibatch]:
    """Cuts ``order`` into batches of about ``size`` rows, once: collation and frozen layers need no repetition."""
    parts = np.array_split(order, max(1, round(len(order) / size)))
    return [_minibatch(network, graphs, known, part) for part in parts if len(part)]


def _minibatch(
    network: TransferNetwork, graphs: Sequence[CrystalGraph], known: NDArray[np.float32], rows: NDArray[np.int64]
) -> Minibatch:
    graph = to_tensors(collate([graphs[row] for row in rows]), network.config)
    ground = network.ground(graph) if network.n_frozen else None
    return Minibatch(rows, graph, torch.from_numpy(known[rows]), ground)


@torch.no_grad()
def predict(network: TransferNetwork, batches: Sequence[Minibatch]) -> NDArray[np.float64]:
    """Values of each member in the order of the rows, ``[n_members, n_rows]``."""
    values = np.empty((network.config.n_members, sum(len(batch.rows) for batch in batches)))
    for batch in batches:
        values[:, batch.rows] = network(batch.graph, batch.known, batch.ground).numpy()
    return values
