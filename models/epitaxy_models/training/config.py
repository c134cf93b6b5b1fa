"""Settings of a pretraining run."""

from dataclasses import dataclass, field

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.shapes import shape_for
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.graphs.rules import Rule
from epitaxy_models.training.split import Resampling
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, Task


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One process's run: some members of the ensemble, stacked.

    Attributes:
        members: Numbers of the members trained here; a number fixes seed and left-out tenth.
        epochs: Passes over the training part.
        batch_size: Crystals a step.
        peak_rate: Learning rate after warm-up.
        warmup_steps: Steps of linear warm-up.
        decay_share: Last share of the steps over which the rate falls linearly to zero.
        weight_decay: Decoupled (AdamW).
        ema_decay: Decay of the average of the weights; the averaged weights are evaluated and shipped.
        clip_norm: Largest gradient norm of one member.
        resampling: How the members' training sets differ.
        start_from: Checkpoint whose averaged weights the run starts from, empty for fresh ones. Heads are taken over
            by the name of their column. A published model's folder starts a run too.
        class_weights: Weight in the loss of crystals of one, two, ... elements; the last one holds for all that have
            more. Empty: every crystal counts once.
        width: Channels of a node state.
        n_layers: Message-passing layers.
        head_width: Hidden channels of the head of one property.
        rule: How materials become graphs, which decides the kind of material.
        tasks: Label columns.
    """

    members: tuple[int, ...] = (0, 1, 2, 3, 4)
    epochs: int = 30
    batch_size: int = 64
    peak_rate: float = 2e-3
    warmup_steps: int = 500
    decay_share: float = 0.5
    weight_decay: float = 1e-2
    ema_decay: float = 0.999
    clip_norm: float = 5.0
    resampling: Resampling = Resampling.TENTH
    start_from: str = ""
    class_weights: tuple[float, ...] = ()
    width: int = 96
    n_layers: int = 4
    head_width: int = 64
    rule: Rule = DEFAULT_RULE
    tasks: tuple[Task, ...] = field(default=MATERIALS_PROJECT_TASKS)

    def __post_init__(self) -> None:
        if (
            not self.members
            or min(self.epochs, self.batch_size, self.warmup_steps) < 1
            or not 0 < self.decay_share <= 1
            or min(self.class_weights, default=1.0) <= 0
        ):
            raise ConfigurationError(
                f"members, epochs, batch size and shares must be positive: {self}", reason="INVALID_TRAINING"
            )

    @property
    def backbone(self) -> BackboneConfig:
        """Shape of the stacked backbone."""
        return shape_for(self.rule, len(self.members), self.width, self.n_layers)

    def rate_at(self, step: int, n_steps: int) -> float:
        """Learning rate: warm-up, plateau, linear decay."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        left = (n_steps - step) / max(1.0, self.decay_share * n_steps)
        return self.peak_rate * min(warm, 1.0, left)
