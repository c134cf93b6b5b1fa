"""What a campaign believes of one property: rival models, and which of them speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.process import PoolProcess
from epitaxy_models.campaigns.readings import Readings
from epitaxy_models.transfer.inputs import DESCRIPTORS
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.strategies.block_kernel import KernelParameters

Array = NDArray[np.float64]
# Hyper-parameters are looked for again once there are so many more labels.
_GROWTH = 1.25
# By so much, in nats a label, a simpler model has to predict better before it speaks, and by so much less the
# transferred one before it speaks again.
_MARGIN = 0.1


class Speaker(StrEnum):
    """Rival models.

    ``HEAD`` is the substrate's own prediction of the property as it stands, ``ANCHORED`` learns what that leaves,
    ``TRANSFERRED`` learns all from the blocks of features, ``DESCRIPTOR`` from the descriptors alone, and ``MEAN`` is
    the running mean of the results.
    """

    HEAD = "head"
    ANCHORED = "anchored"
    TRANSFERRED = "transferred"
    DESCRIPTOR = "descriptor"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Rival processes with the number of labels at which their hyper-parameters were found.

    Attributes:
        rivals: By name; the running mean needs no process.
        fitted_at: Labels at that time.
        transform: Scale of the fit.
        speaker: Whose predictions are used.
        since: Labels at which it began to speak.
    """

    rivals: Mapping[Speaker, PoolProcess]
    fitted_at: int
    transform: TargetTransform
    speaker: Speaker = Speaker.TRANSFERRED
    since: int = 0

    @classmethod
    def following(
        cls,
        before: "Belief | None",
        pool: PoolBlocks,
        readings: Readings,
        transform: TargetTransform,
        seed: int,
        head: HeadAnswer | None = None,
    ) -> "Belief":
        """Updated at once by new readings; hyper-parameters found anew on a schedule, or on another scale."""
        n_labels = len(readings.values)
        if before and before.transform == transform and before.fitted_at <= n_labels < _GROWTH * before.fitted_at:
            rivals = {name: process.updated(readings) for name, process in before.rivals.items()}
            fitted_at = before.fitted_at
        else:
            rivals = {
                name: PoolProcess.fit(own, readings, seed, before.parameters(name) if before else None, anchor)
                for name, (own, anchor) in _grounds(pool, head, transform).items()
            }
            fitted_at = n_labels
        said = before.speaker if before else _first_speaker(head)
        speaker = _loudest(rivals, said)
        since = before.since if before and speaker is said else n_labels if speaker is not said else 0
        return cls(rivals, fitted_at, transform, speaker, since)

    @property
    def process(self) -> PoolProcess:
        """The process that speaks; where the mean does, one whose blocks say nothing."""
        ground = {Speaker.HEAD: Speaker.ANCHORED, Speaker.MEAN: Speaker.TRANSFERRED}.get(self.speaker)
        return self.rivals[ground].silenced() if ground else self.rivals[self.speaker]

    @property
    def densities(self) -> dict[Speaker, float]:
        """Log predictive density of a left-out label by model, mean over the labels."""
        return _densities(self.rivals)

    def parameters(self, name: Speaker) -> KernelParameters | None:
        """Hyper-parameters of a rival; None if there is no such rival."""
        return self.rivals[name].parameters if name in self.rivals else None

    def state(self) -> dict[str, Any]:
        """Everything that readings do not tell, as plain containers."""
        return {
            "fitted_at": self.fitted_at,
            "transform": self.transform.as_json(),
            "speaker": str(self.speaker),
            "since": self.since,
            "rivals": {
                str(name): {
                    "terms": [[term.block, str(term.shape)] for term in process.terms],
                    "log_weights": list(process.parameters.log_weights),
                    "log_lengths": list(process.parameters.log_lengths),
                    "log_noise": process.parameters.log_noise,
                    "centre": process.centre,
                    "spread": process.spread,
                }
                for name, process in self.rivals.items()
            },
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], pool: PoolBlocks, head: HeadAnswer | None = None) -> "Belief":
        """From ``state``; without readings yet."""
        transform = TargetTransform.from_json(state["transform"])
        grounds = _grounds(pool, head, transform)
        rivals = {}
        for name, record in state["rivals"].items():
            own, anchor = grounds[Speaker(name)]
            rivals[Speaker(name)] = PoolProcess.restore(own, record, anchor)
        return cls(rivals, state["fitted_at"], transform, Speaker(state["speaker"]), state["since"])


def _first_speaker(head: HeadAnswer | None) -> Speaker:
    return Speaker.HEAD if head and head.states_value else Speaker.TRANSFERRED


def _grounds(
    pool: PoolBlocks, head: HeadAnswer | None, transform: TargetTransform
) -> dict[Speaker, tuple[PoolBlocks, Array | None]]:
    """Blocks and prior means that each rival stands on."""
    grounds: dict[Speaker, tuple[PoolBlocks, Array | None]] = {Speaker.TRANSFERRED: (pool, None)}
    if head is not None:
        grounds[Speaker.ANCHORED] = (pool, head.on_scale(transform))
    if DESCRIPTORS in pool.blocks and len(pool.blocks) > 1:
        grounds[Speaker.DESCRIPTOR] = (pool.only(DESCRIPTORS), None)
    return grounds


def _loudest(rivals: Mapping[Speaker, PoolProcess], said: Speaker) -> Speaker:
    """The one that spoke, unless another predicts left-out labels clearly better."""
    densities = _densities(rivals)
    own = densities.get(said, -np.inf)
    best = max(densities, key=lambda name: densities[name])
    return best if densities[best] > own + _MARGIN else said


def _densities(rivals: Mapping[Speaker, PoolProcess]) -> dict[Speaker, float]:
    # In the scale of the fit, which is the same for all.
    found = {name: _density(*process.left_out()) - float(np.log(process.spread)) for name, process in rivals.items()}
    found[Speaker.MEAN] = _density_of_mean(rivals[Speaker.TRANSFERRED].readings.values)
    if Speaker.ANCHORED in rivals:
        found[Speaker.HEAD] = _density_of_mean(rivals[Speaker.ANCHORED].over_anchor, is_centred=True)
    return found


def _density(residuals: Array, variances: Array) -> float:
    return float(np.mean(-0.5 * (np.log(2 * np.pi * variances) + residuals**2 / variances)))


def _density_of_mean(labels: Array, is_centred: bool = False) -> float:
    """Each label under mean and variance of the others; under a mean of zero if they are centred."""
    n = len(labels)
    if n < 3:
        return -np.inf
    means = (labels.sum() - labels) / (n - 1) * (not is_centred)
    squares = ((labels**2).sum() - labels**2) / (n - 1)
    variances = np.maximum(squares - means**2, 1e-9)
    return _density(labels - means, variances * (1 + 1 / (n - 1)))
