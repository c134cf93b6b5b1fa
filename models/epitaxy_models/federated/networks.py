"""The ensemble of small networks, trained by one member for one round. All networks run as one."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.federated.settings import MethodSettings

Array = NDArray[np.float64]
Folds = NDArray[np.int64]


def shapes_of(n_inputs: int, settings: MethodSettings) -> list[tuple[int, int, int]]:
    """Shapes of all weights: a matrix and an offset for each of three layers, ``[n_networks, ...]`` each."""
    n, width = settings.n_networks, settings.width
    return [(n, n_inputs, width), (n, 1, width), (n, width, width), (n, 1, width), (n, width, 1), (n, 1, 1)]


def n_weights(n_inputs: int, settings: MethodSettings) -> int:
    """Length of the weights as one vector."""
    return sum(int(np.prod(shape)) for shape in shapes_of(n_inputs, settings))


def first_weights(n_inputs: int, settings: MethodSettings) -> Array:
    """Weights that every member draws alike, ``[n_weights]``."""
    generator = np.random.default_rng(settings.seed)
    parts = [
        np.zeros(shape) if shape[1] == 1 else generator.standard_normal(shape) * np.sqrt(2 / shape[1])
        for shape in shapes_of(n_inputs, settings)
    ]
    return np.concatenate([part.ravel() for part in parts])


def train_locally(
    weights: Array, inputs: Array, targets: Array, folds: Folds, settings: MethodSettings, seed: int
) -> Array:
    """A member's weights after its steps of one round, ``[n_weights]``.

    Network k leaves out the rows of fold k. The loss is Huber's on standardized targets, with a pull to the weights
    that the round began with.

    Args:
        weights: All members' weights before the round.
        inputs: Standardized features, ``[n_rows, n_inputs]``.
        targets: Standardized labels, ``[n_rows]``.
        folds: Fold of each row.
        settings: Of the method.
        seed: Of the hidden units that are left out.
    """
    start = _tensors(weights, inputs.shape[1], settings)
    moving = [part.clone().requires_grad_() for part in start]
    x = torch.tensor(inputs, dtype=torch.float32).expand(settings.n_networks, -1, -1)
    y = torch.tensor(targets, dtype=torch.float32)
    used = torch.tensor(folds != np.arange(settings.n_networks)[:, None], dtype=torch.float32)
    optimizer = torch.optim.Adam(moving, lr=settings.learning_rate)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(settings.local_steps):
        optimizer.zero_grad()
        answers = _forward(moving, x, settings.dropout, generator)
        misfit = torch.nn.functional.huber_loss(answers, y.expand_as(answers), reduction="none")
        loss = (used * misfit).sum() / used.sum() * settings.n_networks
        loss = loss + settings.proximal / 2 * sum(((a - b) ** 2).sum() for a, b in zip(moving, start, strict=True))
        loss = loss + settings.decay / 2 * sum((part**2).sum() for part in moving)
        loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it on no version
        optimizer.step()
    return np.concatenate([part.detach().double().numpy().ravel() for part in moving])


def predict_all(weights: Array, inputs: Array, settings: MethodSettings) -> Array:
    """What each network says of each row, standardized, ``[n_networks, n_rows]``."""
    with torch.no_grad():
        x = torch.tensor(inputs, dtype=torch.float32).expand(settings.n_networks, -1, -1)
        return np.asarray(_forward(_tensors(weights, inputs.shape[1], settings), x).double().numpy())


def _tensors(weights: Array, n_inputs: int, settings: MethodSettings) -> list[torch.Tensor]:
    parts, start = [], 0
    for shape in shapes_of(n_inputs, settings):
        size = int(np.prod(shape))
        parts.append(torch.tensor(weights[start : start + size].reshape(shape), dtype=torch.float32))
        start += size
    return parts


def _forward(
    weights: Sequence[torch.Tensor], x: torch.Tensor, dropout: float = 0.0, generator: torch.Generator | None = None
) -> torch.Tensor:
    hidden = x
    for layer in (0, 2):
        hidden = torch.nn.functional.silu(torch.bmm(hidden, weights[layer]) + weights[layer + 1])
        if dropout:
            kept = torch.rand(hidden.shape, generator=generator) >= dropout
            hidden = hidden * kept / (1 - dropout)
    return (torch.bmm(hidden, weights[4]) + weights[5])[..., 0]
