"""Training on few labels: rates by depth, a pull towards the start, averaged weights."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.training.network import member_axis
from epitaxy_models.transfer.strategies.networks.batches import Minibatch
from epitaxy_models.transfer.strategies.networks.body import TransferNetwork

# Where absolute errors go over into squared ones, in units of the labels' spread.
_HUBER_WIDTH = 0.5


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How a network is trained.

    Attributes:
        max_epochs: Passes over the rows at most.
        batch_size: Crystals a step.
        rate: Learning rate of the head (Adam).
        depth_decay: Rate of a layer over that of the layer above it (Howard & Ruder, ACL 2018).
        pull: Strength of the pull towards the start (L2-SP: Li, Grandvalet & Davoine, ICML 2018), decoupled from the
            gradient: a share ``rate * pull`` of the way back each step.
        warmup_steps: Steps of linear warm-up.
        ema_decay: Decay of the average of the weights; the averaged weights are judged and kept.
        clip_norm: Largest gradient norm of one member.
        check_every: Epochs between two looks at the rows left out.
        patience: Looks without gain after which the search for the number of epochs ends.
    """

    max_epochs: int
    batch_size: int
    rate: float
    depth_decay: float = 1.0
    pull: float = 0.0
    warmup_steps: int = 10
    ema_decay: float = 0.95
    clip_norm: float = 1.0
    check_every: int = 2
    patience: int = 4

    def __post_init__(self) -> None:
        counts = (self.max_epochs, self.batch_size, self.warmup_steps, self.check_every, self.patience)
        if min(counts) < 1 or min(self.rate, self.clip_norm) <= 0 or self.pull < 0:
            raise ConfigurationError(f"counts, rate and clip norm must be positive: {self}", reason="INVALID_PLAN")
        if not (0 < self.depth_decay <= 1 and 0 <= self.ema_decay < 1):
            raise ConfigurationError(f"decays must lie between 0 and 1: {self}", reason="INVALID_PLAN")


@dataclass(frozen=True, slots=True, eq=False)
class _Floor:
    """Weights of one depth, where they started, and how fast they learn."""

    weights: list[Tensor]
    start: list[Tensor]
    rate: float


class Training:
    """One run; the averaged weights are the result.

    Args:
        network: Where it starts; trained in place.
        batches: All rows.
        labels: Labels in units of their spread, ``[n_rows]``.
        counted: Rows that each member learns from, ``[n_members, n_rows]``.
        plan: Settings.
        seed: Order of the batches.
    """

    def __init__(
        self,
        network: TransferNetwork,
        batches: Sequence[Minibatch],
        labels: NDArray[np.float64],
        counted: NDArray[np.bool_],
        plan: TrainingPlan,
        seed: int,
    ) -> None:
        self._network, self._batches, self.plan = network, batches, plan
        self._labels = torch.from_numpy(labels.astype(np.float32))
        self._counted = torch.from_numpy(counted.astype(np.float32))
        self._generator = np.random.default_rng(seed)
        self.average = copy.deepcopy(network)
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self._weights: list[Tensor] = [parameter for _, parameter in named]
        self._axes = [member_axis(name) for name, _ in named]
        own = dict(self.average.named_parameters())
        self._averaged: list[Tensor] = [own[name] for name, _ in named]
        self._floors = list(_floors(named, network.config.n_layers, plan))
        groups = [{"params": floor.weights, "lr": floor.rate} for floor in self._floors]
        self._optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98), fused=True)
        self._step = 0

    def run_epoch(self) -> None:
        """One pass over all rows."""
        for index in self._generator.permutation(len(self._batches)):
            self._train_step(self._batches[index])

    def _train_step(self, batch: Minibatch) -> None:
        counted = self._counted[:, batch.rows]
        values = self._network(batch.graph, batch.known, batch.ground)
        labels = self._labels[batch.rows].expand_as(values)
        errors = torch.nn.functional.smooth_l1_loss(values, labels, reduction="none", beta=_HUBER_WIDTH)
        # A member's loss is its own mean: what it leaves out does not slow it down.
        loss = ((errors * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)).sum()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._clip()
        warm = min(1.0, (self._step + 1) / self.plan.warmup_steps)
        for group, floor in zip(self._optimizer.param_groups, self._floors, strict=True):
            group["lr"] = floor.rate * warm
        self._optimizer.step()
        self._step += 1
        self._pull_back(warm)
        decay = min(self.plan.ema_decay, (1 + self._step) / (10 + self._step))
        with torch.no_grad():
            torch._foreach_lerp_(self._averaged, self._weights, 1 - decay)

    @torch.no_grad()
    def _pull_back(self, warm: float) -> None:
        for floor in self._floors if self.plan.pull else ():
            torch._foreach_lerp_(floor.weights, floor.start, min(1.0, floor.rate * warm * self.plan.pull))

    def _clip(self) -> None:
        """Clips each member's gradient by its own norm, so that members stay independent."""
        gradients = [p.grad for p in self._weights if p.grad is not None]
        pairs = list(zip(self._axes, gradients, strict=True))
        squares = [g.square().sum(dim=[a for a in range(g.dim()) if a != axis]) for axis, g in pairs]
        norms = torch.stack(squares).sum(dim=0).sqrt()
        factors = self.plan.clip_norm / norms.clamp(min=self.plan.clip_norm)
        for axis, gradient in pairs:
            shape = [1] * gradient.dim()
            shape[axis] = -1
            gradient.mul_(factors.view(shape))


def _floors(named: Sequence[tuple[str, nn.Parameter]], n_layers: int, plan: TrainingPlan) -> Iterator[_Floor]:
    depths = [_layers_above(name, n_layers) for name, _ in named]
    for depth in sorted(set(depths)):
        weights: list[Tensor] = [parameter for (_, parameter), own in zip(named, depths, strict=True) if own == depth]
        start = [weight.detach().clone() for weight in weights]
        yield _Floor(weights, start, plan.rate * plan.depth_decay**depth)


def _layers_above(name: str, n_layers: int) -> int:
    """Layers between a weight and the answer: none above the head, all above the elements' states."""
    if name.startswith("head."):
        return 0
    if name.startswith("backbone.layers."):
        return n_layers - int(name.split(".")[2])
    return 1 if name.endswith("readout_gain") else n_layers + 1
