"""Backbone and heads as one module, and the targets they start from."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import GraphTensors, to_tensors
from epitaxy_models.graphs.batch import select
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs

_ROWS_A_PIECE = 4096


class EnsembleNetwork(nn.Module):
    """What is trained, averaged and shipped.

    With ``half_precision`` the backbone runs in bfloat16; the heads stay in float32, since an element reference of some
    eV would be rounded to hundredths.
    """

    half_precision: bool = False

    def __init__(self, backbone: StackedBackbone, heads: PropertyHeads) -> None:
        super().__init__()
        self.backbone, self.heads = backbone, heads

    def forward(self, graph: GraphTensors) -> tuple[Tensor, Tensor]:
        """Values and Laplace scales, each ``[n_members, n_graphs, n_properties]``."""
        with torch.autocast(graph.composition.device.type, torch.bfloat16, enabled=self.half_precision):
            embeddings = self.backbone(graph).float()
        result: tuple[Tensor, Tensor] = self.heads(embeddings, graph.composition)
        return result


def new_network(config: TrainingConfig) -> EnsembleNetwork:
    """Fresh weights; member m's depend on its own number alone, whichever members share the process."""
    network = _blank(config, config.backbone)
    single = replace(config.backbone, n_members=1)
    for slot, member in enumerate(config.members):
        torch.manual_seed(1000 + member)
        copy_member(_blank(config, single), 0, network, slot)
    return network


def _blank(config: TrainingConfig, shape: BackboneConfig) -> EnsembleNetwork:
    n_hidden, n_tasks = config.head_width, len(config.tasks)
    heads = PropertyHeads(shape.n_members, shape.embedding_width, n_tasks, n_hidden, shape.n_species)
    return EnsembleNetwork(StackedBackbone(shape), heads)


def copy_member(source: EnsembleNetwork, source_slot: int, target: EnsembleNetwork, target_slot: int) -> None:
    """Copies one member's weights between stacked networks of one shape."""
    wanted = dict(target.named_parameters())
    with torch.no_grad():
        for name, parameter in source.named_parameters():
            axis = member_axis(name)
            wanted[name].select(axis, target_slot).copy_(parameter.select(axis, source_slot))


def member_axis(parameter_name: str) -> int:
    """Axis of a parameter that counts members; the readout gains are grouped by layer first."""
    return 1 if parameter_name.endswith("readout_gain") else 0


def fit_targets(network: EnsembleNetwork, data: LabelledGraphs, config: TrainingConfig) -> None:
    """Sets element references and target spreads from the training part alone.

    References are a ridge fit of the label on composition; other targets are centred by their mean, which is a
    constant reference of every element.
    """
    rows = data.rows_of("train")
    shares = _composition(data, rows, config) if any(task.has_references for task in config.tasks) else None
    for index, task in enumerate(config.tasks):
        is_known = np.isfinite(data.labels[rows, index])
        labels = data.labels[rows[is_known], index].astype(np.float64)
        if task.has_references and shares is not None:
            composition = shares[is_known]
            weights = _ridge(composition, labels)
            left = labels - composition @ weights
        else:
            # The mean as a reference of every kind of node: shares add up to one.
            weights = np.full(config.backbone.n_species, float(labels.mean()))
            left = labels - labels.mean()
        network.heads.references[:, index] = torch.from_numpy(weights.astype(np.float32))
        network.heads.spreads[index] = float(np.std(left))


def _composition(data: LabelledGraphs, rows: NDArray[np.int64], config: TrainingConfig) -> NDArray[np.float32]:
    """Shares of kinds of nodes of the rows, a piece at a time: the store may be larger than memory."""
    pieces = np.array_split(rows, max(1, len(rows) // _ROWS_A_PIECE))
    return np.concatenate([to_tensors(select(data.graphs, p), config.backbone).composition.numpy() for p in pieces])


def _ridge(composition: NDArray[np.float32], labels: NDArray[np.float64], strength: float = 1.0) -> NDArray[np.float64]:
    design = composition.astype(np.float64)
    normal = design.T @ design + strength * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(normal, design.T @ labels), dtype=np.float64)
