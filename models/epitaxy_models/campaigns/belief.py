"""What a campaign believes of one property: rival models, and which of them speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.process import PoolProcess
from epitaxy_models.campaigns.readings import Readings
from epitaxy_models.campaigns.rivalry import Speaker, speaker_of
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, FRACTIONS, TRACES
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.strategies.block_kernel import KernelParameters
from epitaxy_models.transfer.strategies.condition_terms import term_record

Array = NDArray[np.float64]
# Hyper-parameters are looked for again once there are so many more labels.
_GROWTH = 1.25
# What is known of a material without a pretrained network.
_PLAIN = frozenset({COUNTS, DESCRIPTORS, FRACTIONS, TRACES})


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
        is_sharp: bool = False,
    ) -> "Belief":
        """Updated at once by new readings; hyper-parameters found anew on a schedule, or on another scale.

        ``is_sharp`` where only values near a target count.
        """
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
        speaker = speaker_of(rivals, said, is_sharp)
        since = before.since if before and speaker is said else n_labels if speaker is not said else 0
        return cls(rivals, fitted_at, transform, speaker, since)

    @property
    def process(self) -> PoolProcess:
        """The process that speaks; where the mean does, one whose blocks say nothing."""
        ground = {Speaker.HEAD: Speaker.ANCHORED, Speaker.MEAN: Speaker.TRANSFERRED}.get(self.speaker)
        return self.rivals[ground].silenced() if ground else self.rivals[self.speaker]

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
                    "terms": [term_record(term) for term in process.terms],
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
    plain = [name for name in pool.blocks if name in _PLAIN or name.startswith(CONDITION_PREFIX)]
    if DESCRIPTORS in plain and len(plain) < len(pool.blocks):
        grounds[Speaker.DESCRIPTOR] = (pool.only(*plain), None)
    return grounds
