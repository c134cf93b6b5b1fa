"""Networks trained on the labels themselves: from scratch, or from the pretrained substrate, a part of it or all."""

from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.networks.batches import minibatches, predict
from epitaxy_models.transfer.strategies.networks.body import TransferHead, TransferNetwork
from epitaxy_models.transfer.strategies.networks.fit import Start, known_names, known_values, train
from epitaxy_models.transfer.strategies.networks.start import fresh_network, pretrained_network
from epitaxy_models.transfer.strategies.networks.training import TrainingPlan
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "network"
_GRAPHS_A_BATCH = 64
# Least error over the spread of the labels: no label is exact.
_LEAST_NOISE = 1e-3


@dataclass(frozen=True)
class ScratchNetwork:
    """The substrate's architecture from fresh weights: what the same labels give without transfer.

    Attributes:
        shape: Shape of the backbone; its members differ by their weights at start.
        plan: How it is trained.
        name: Name of the strategy.
    """

    shape: BackboneConfig = field(default_factory=lambda: BackboneConfig(n_members=3, width=64))
    plan: TrainingPlan = field(default_factory=lambda: TrainingPlan(max_epochs=60, batch_size=16, rate=4e-3))
    name: str = "scratch_network"

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedNetwork":
        """Learns from ``targets`` ``[n_rows]``. Raises ConfigurationError below two formulas."""

        def start(n_known: int) -> TransferNetwork:
            return fresh_network(self.shape, n_known, seed)

        return _fit(self.name, start, inputs, targets, self.plan, seed, readout=False)


@dataclass(frozen=True)
class PartialFineTune:
    """The pretrained substrate, of which the head and the last message layer learn.

    Attributes:
        artifact: The substrate.
        n_members: Members of the substrate that are used.
        plan: How it is trained.
        name: Name of the strategy.
    """

    artifact: ModelArtifact
    n_members: int = 5
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(max_epochs=40, batch_size=16, rate=3e-3, depth_decay=0.6, pull=2.0)
    )
    name: str = "partial_fine_tune"

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedNetwork":
        """Learns from ``targets`` ``[n_rows]``. Raises ConfigurationError below two formulas."""

        def start(n_known: int) -> TransferNetwork:
            n_frozen = self.artifact.card.backbone.n_layers - 1
            return pretrained_network(self.artifact, self.n_members, n_known, n_frozen)

        return _fit(self.name, start, inputs, targets, self.plan, seed, readout=True)


@dataclass(frozen=True)
class FullFineTune:
    """The pretrained substrate, all of which learns: the deeper the slower.

    Attributes:
        artifact: The substrate.
        n_members: Members of the substrate that are used.
        plan: How it is trained.
        name: Name of the strategy.
    """

    artifact: ModelArtifact
    n_members: int = 5
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(max_epochs=30, batch_size=16, rate=3e-3, depth_decay=0.6, pull=2.0)
    )
    name: str = "full_fine_tune"

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedNetwork":
        """Learns from ``targets`` ``[n_rows]``. Raises ConfigurationError below two formulas."""

        def start(n_known: int) -> TransferNetwork:
            return pretrained_network(self.artifact, self.n_members, n_known, n_frozen=0)

        return _fit(self.name, start, inputs, targets, self.plan, seed, readout=True)


def _fit(
    name: str, start: Start, inputs: TransferInputs, targets: Array, plan: TrainingPlan, seed: int, *, readout: bool
) -> "FittedNetwork":
    centre = float(np.median(targets))
    spread = float(np.sqrt(np.mean((targets - centre) ** 2))) or 1.0
    trained = train(start, inputs, (targets - centre) / spread, plan, seed, readout=readout)
    noise = spread * max(trained.noise, _LEAST_NOISE)
    return FittedNetwork(name, trained.network, known_names(inputs), centre, spread, noise, trained.epochs)


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetwork:
    """A trained network; it needs nothing of the substrate any more.

    Attributes:
        name: Name of the strategy.
        network: All members.
        known: Blocks of values that the caller knows, in the order that the head reads them.
        centre: Median of the targets.
        spread: Root mean square of the targets about it: the unit of the network's values.
        noise: Error of one member on rows that it left out, on the scale of the fit.
        epochs: Passes over the rows.
    """

    name: str
    network: TransferNetwork
    known: tuple[str, ...]
    centre: float
    spread: float
    noise: float
    epochs: int

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Means of the members, and errors from their disagreement and the noise."""
        known = known_values(inputs, self.known)
        batches = minibatches(self.network, inputs.graphs, known, np.arange(inputs.n_rows), _GRAPHS_A_BATCH)
        values = self.centre + self.spread * predict(self.network, batches)
        # One member alone shows no disagreement.
        variances = values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros(inputs.n_rows)
        return TransferPrediction(values.mean(axis=0), np.sqrt(variances + self.noise**2))

    def state(self) -> StrategyState:
        """Shapes and scales as settings, weights in float16, scales of the features in float32."""
        trained = {name for name, _ in self.network.named_parameters()}
        tensors = {
            name: value.numpy().astype(np.float16 if name in trained else np.float32)
            for name, value in self.network.state_dict().items()
        }
        settings = {
            "strategy": self.name,
            "backbone": asdict(self.network.config),
            "known": list(self.known),
            "n_known": self.network.head.sizes[-1],
            "centre": self.centre,
            "spread": self.spread,
            "noise": self.noise,
            "epochs": self.epochs,
        }
        return StrategyState(KIND, settings, tensors)

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedNetwork":
        """Rebuilds an equal predictor. Raises CheckpointError if the weights do not fit the settings."""
        settings, tensors = state.settings, state.tensors
        shape = BackboneConfig(**settings["backbone"])
        sizes = tensors["head.hidden"].shape[2], tensors["head.references"].shape[1], int(settings["n_known"])
        head = TransferHead(shape.n_members, shape.embedding_width, *sizes)
        network = TransferNetwork(StackedBackbone(shape), head)
        try:
            network.load_state_dict({name: torch.from_numpy(v.astype(np.float32)) for name, v in tensors.items()})
        except RuntimeError as error:
            raise CheckpointError(f"weights do not fit the settings: {error}", reason="INVALID_STRATEGY") from error
        network.eval().requires_grad_(requires_grad=False)
        return cls(
            name=settings["strategy"],
            network=network,
            known=tuple(settings["known"]),
            centre=float(settings["centre"]),
            spread=float(settings["spread"]),
            noise=float(settings["noise"]),
            epochs=int(settings["epochs"]),
        )
