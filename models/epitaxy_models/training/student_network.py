"""The network of students in torch, its loss, and its way into NumPy."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epitaxy_models.search.features import N_FEATURES, N_PACKING
from epitaxy_models.search.network import StudentNetwork
from epitaxy_models.structures.elements import SYMBOLS

N_NUMBERS = len(SYMBOLS) + 1
_N_HIDDEN = 2
# Inputs of one size train evenly: shares of elements are small numbers.
_SHARE_FACTOR, _ROOT_FACTOR = 4.0, 2.0


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """How students are trained.

    Attributes:
        width: Width of the network.
        epochs: Passes over the data.
        batch_size: Crystals in a step.
        peak_rate: Largest learning rate of the one cycle.
        weight_decay: Of AdamW.
        dropout: Share of hidden units that a step leaves out.
        without_volume: Share of crystals whose volume a step hides, so that compositions alone are learned as well.
        n_members: Networks whose answers are averaged.
    """

    width: int = 192
    epochs: int = 30
    batch_size: int = 256
    peak_rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.1
    without_volume: float = 0.35
    n_members: int = 2


class TorchStudent(nn.Module):
    """Dense inputs ``[n, 3 * N_NUMBERS + N_FEATURES]`` to values and logarithms of scales ``[n, 2 * n_quantities]``."""

    def __init__(self, n_quantities: int, config: StudentConfig) -> None:
        super().__init__()
        width = config.width
        self.first = nn.Linear(3 * N_NUMBERS + N_FEATURES, width)
        self.hidden = nn.ModuleList([nn.Linear(width, width) for _ in range(_N_HIDDEN)])
        self.last = nn.Linear(width, 2 * n_quantities)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Standardized values, then logarithms of scales."""
        state = torch.relu(self.first(inputs))
        for layer in self.hidden:
            state = state + torch.relu(layer(self.dropout(state)))
        return torch.as_tensor(self.last(self.dropout(state)))


def dense_inputs(shares: NDArray[np.float32], standard: NDArray[np.float32]) -> Tensor:
    """Shares ``[n, N_NUMBERS]`` and standardized features as one matrix."""
    parts = [shares * _SHARE_FACTOR, np.sqrt(shares) * _ROOT_FACTOR, shares > 0, standard]
    return torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32))


def hide_volumes(inputs: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A copy in which some rows say that volume and size are unknown."""
    hidden = torch.rand(len(inputs), generator=generator) < share
    shown = inputs.clone()
    shown[hidden, -N_PACKING:] = 0.0
    return shown


def loss_of(said: Tensor, wanted: Tensor) -> Tensor:
    """Error of the values, and Laplace's likelihood of the scales for these errors.

    The scales' gradient does not reach the values: otherwise what is hard to learn would count for little.
    """
    values, logs = said.chunk(2, dim=1)
    logs = logs.clamp(-6, 2)
    errors = torch.abs(wanted - values).detach()
    return 3 * nn.functional.smooth_l1_loss(values, wanted, beta=0.3) + 0.3 * (errors * torch.exp(-logs) + logs).mean()


def to_numpy(
    members: list[TorchStudent], feature_mean: NDArray[np.float32], feature_std: NDArray[np.float32]
) -> StudentNetwork:
    """The members in NumPy; factors of the inputs go into the weights."""
    firsts = [_array(member.first.weight).T for member in members]
    factors = np.array([_SHARE_FACTOR, _ROOT_FACTOR, 1.0], dtype=np.float32)[:, None, None]
    hidden = [[layer for layer in member.hidden if isinstance(layer, nn.Linear)] for member in members]
    return StudentNetwork(
        elements=np.stack([factors * first[: 3 * N_NUMBERS].reshape(3, N_NUMBERS, -1) for first in firsts]),
        inputs=np.stack([first[3 * N_NUMBERS :] for first in firsts]),
        input_bias=np.stack([_array(member.first.bias) for member in members]),
        hidden=np.stack([np.stack([_array(layer.weight).T for layer in layers]) for layers in hidden]),
        hidden_bias=np.stack([np.stack([_array(layer.bias) for layer in layers]) for layers in hidden]),
        outputs=np.stack([_array(member.last.weight).T for member in members]),
        output_bias=np.stack([_array(member.last.bias) for member in members]),
        feature_mean=feature_mean,
        feature_std=feature_std,
    )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
