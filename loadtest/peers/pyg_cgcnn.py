"""An ensemble of five CGCNNs on PyTorch Geometric, from a CIF file or a pymatgen Structure, as a careful user has it.

Neighbours by pymatgen's compiled list, the 12 nearest within 8 Å, chosen without a Python loop over atoms; PyG's own
CGConv, 3 layers, 64 wide; batches of 64; inference mode. Weights are random: only the cost is compared.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import CGConv, global_mean_pool

N_MEMBERS, N_LAYERS, WIDTH, N_PROPERTIES, BATCH = 5, 3, 64, 3, 64
_NEIGHBOURS, _RADIUS, _N_RADIAL = 12, 8.0, 41


class Cgcnn(nn.Module):
    """Xie & Grossman 2018, with PyG's convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(119, WIDTH)
        self.layers = nn.ModuleList([CGConv(WIDTH, dim=_N_RADIAL, batch_norm=True) for _ in range(N_LAYERS)])
        self.head = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.Softplus(), nn.Linear(2 * WIDTH, N_PROPERTIES))
        self.register_buffer("centres", torch.linspace(0, _RADIUS, _N_RADIAL))

    def forward(self, batch: Data) -> Tensor:
        states = self.embedding(batch.z)
        edges = torch.exp(-((batch.distance[:, None] - self.centres) ** 2) / 0.2**2)
        for layer in self.layers:
            states = layer(states, batch.edge_index, edges)
        found: Tensor = self.head(global_mean_pool(states, batch.batch))
        return found


def graph_of(structure: Any) -> Data:
    """The 12 nearest neighbours of each atom."""
    centres, points, _, distances = structure.get_neighbor_list(_RADIUS)
    order = np.lexsort((distances, centres))
    centres, points, distances = centres[order], points[order], distances[order]
    starts = np.searchsorted(centres, np.arange(len(structure)))
    chosen = np.arange(len(centres)) - starts[centres] < _NEIGHBOURS
    return Data(
        z=torch.tensor(structure.atomic_numbers),
        edge_index=torch.from_numpy(np.stack([points[chosen], centres[chosen]])),
        distance=torch.from_numpy(distances[chosen].astype(np.float32)),
        num_nodes=len(structure),
    )


def new_ensemble() -> list[Cgcnn]:
    torch.manual_seed(0)
    return [Cgcnn() for _ in range(N_MEMBERS)]


class PygCgcnn:
    """An engine over paths of CIF files or over structures, which are pymatgen's beforehand."""

    def __init__(self) -> None:
        self._members = [member.eval() for member in new_ensemble()]
        self._prepared: dict[str, list[Any]] = {}

    def prepare(self, name: str, share: Sequence[Any]) -> None:
        from loadtest.corpus import pymatgen_structure  # noqa: PLC0415 - in the worker only

        self._prepared[name] = [item if isinstance(item, Path) else pymatgen_structure(item) for item in share]

    @torch.inference_mode()
    def run(self, name: str) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymatgen's about the files
            return self._run(name)

    def _run(self, name: str) -> int:
        from pymatgen.core import Structure  # noqa: PLC0415 - in the worker only

        items = self._prepared[name]
        answered = 0
        for start in range(0, len(items), BATCH):
            structures = [
                Structure.from_file(item) if isinstance(item, Path) else item for item in items[start : start + BATCH]
            ]
            batch = Batch.from_data_list([graph_of(structure) for structure in structures])
            members = torch.stack([member(batch) for member in self._members])
            answered += len(members.mean(0))
            members.std(0)
        return answered
