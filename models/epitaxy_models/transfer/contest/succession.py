"""A refit against the version that it may replace: both processes predict the same rows out of fold."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.transfer.contest.comparison import Comparison, Contest, Task
from epitaxy_models.transfer.contest.field import Field, default_field
from epitaxy_models.transfer.contest.judge import VERDICT_CONFIDENCE, Candidate, Estimate, estimate, gain
from epitaxy_models.transfer.contest.stacking import STACK
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.predecessor import Predecessor
from epitaxy_models.transfer.records import SuccessionSection
from epitaxy_models.transfer.strategies.laws import LawColumn

_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Refitted:
    """What the refit has: its task, what was compared on it, and what was chosen."""

    base: str
    task: Task
    comparison: Comparison
    chosen: str
    unit: str
    has_peers: bool = False


def judge_succession(
    old: Predecessor,
    new: Refitted,
    deadline: float,
    should_stop: Callable[[], bool],
    noise_std: float = 0.0,
    kin: tuple[LawColumn, ...] = (),
) -> SuccessionSection:
    """Fits the predecessor's process on its own substrate to the same splits, and compares the errors row by row.

    A network is fitted only if it ends by ``deadline`` (of ``time.monotonic``). ``noise_std`` is what is known of the
    labels' noise, on the scale of the fits, and ``kin`` are the columns of the old substrate that state the labels' own
    quantity. Raises StoppedError when asked to stop.
    """
    if old.substrate is None:
        return _not_compared(old, new, f"this server does not have {old.base}")
    known = default_field(old.substrate, with_peers=new.has_peers)
    missing = [name for name in old.names if name not in known.named()]
    if missing:
        return _not_compared(old, new, f"this release has no strategy {', '.join(missing)}")
    known = (known.for_classes() if new.task.are_classes else known).told(noise_std, kin)
    errors, reason = _errors(old, old.substrate, new.task, deadline, should_stop, known)
    if errors is None:
        return _not_compared(old, new, reason)
    return _compared(old, new, errors)


def _errors(
    old: Predecessor,
    substrate: ModelArtifact,
    task: Task,
    deadline: float,
    should_stop: Callable[[], bool],
    field: Field,
) -> tuple[tuple[NDArray[np.float64], ...] | None, str]:
    """Absolute errors of each split, or why there are none."""
    contest = Contest(replace(task, inputs=inputs_on(substrate, task.inputs)), deadline, should_stop)
    frozen = {strategy.name for strategy in field.frozen}
    for name in old.names:
        add = contest.add if name in frozen else contest.add_if_time_allows
        add(field.named()[name])
    if old.strategy == STACK:
        contest.stack(old.names, field.laws)
    found = contest.finish()
    reasons = "; ".join(f"{entry.name}: {entry.reason}" for entry in found.skipped)
    return found.errors.get(old.strategy), reasons or f"{old.strategy} could not be fitted"


def inputs_on(substrate: ModelArtifact, inputs: TransferInputs) -> TransferInputs:
    """The same rows under another substrate; blocks that do not depend on one stay as they are."""
    features, embedder = SubstrateFeatures(substrate), Embedder(substrate)
    graphs = [build_graph(structure, substrate.card.crystal_rule) for structure in inputs.structures]
    starts = range(0, len(graphs), _ROWS_AT_ONCE)
    embeddings = np.concatenate([embedder(graphs[start : start + _ROWS_AT_ONCE]) for start in starts])
    own = features.inputs_from(inputs.structures, graphs, embeddings)
    return replace(own, blocks={**inputs.blocks, **own.blocks})


def _compared(old: Predecessor, new: Refitted, errors: tuple[NDArray[np.float64], ...]) -> SuccessionSection:
    """A costly strategy has errors on the first splits alone: both are compared on those that both have."""
    chosen = new.comparison.errors[new.chosen]
    n_splits, ratio = min(len(errors), len(chosen)), new.task.test_ratio
    before = Candidate(old.strategy, errors[:n_splits], is_transfer=True)
    after = Candidate(new.chosen, chosen[:n_splits], is_transfer=True)
    difference = gain(before, after, ratio)
    old_error, new_error = (estimate(entry.errors, ratio, VERDICT_CONFIDENCE) for entry in (before, after))
    return SuccessionSection(
        version=old.version,
        base_model=old.base,
        strategy=old.strategy,
        n_splits=n_splits,
        mae=old_error.mean,
        new_mae=new_error.mean,
        gain=difference.mean,
        gain_low=difference.low,
        gain_high=difference.high,
        verdict=str(difference.verdict),
        sentence=_sentence(old, new, old_error, new_error, difference, n_splits),
    )


def _sentence(
    old: Predecessor, new: Refitted, before: Estimate, after: Estimate, difference: Estimate, n_splits: int
) -> str:
    found = {"HELPS": "errs less", "HURTS": "errs more"}.get(str(difference.verdict), "errs alike within noise")
    interval = f"95 % interval of the difference {difference.low:+.3g} to {difference.high:+.3g}"
    return (
        f"Against version {old.version} ({old.strategy} on {old.base}), the refit ({new.chosen} on {new.base}) "
        f"{found}: {after.mean:.3g} {new.unit} against {before.mean:.3g} {new.unit} on the same {n_splits} splits; "
        f"{interval}."
    )


def _not_compared(old: Predecessor, new: Refitted, reason: str) -> SuccessionSection:
    sentence = f"The refit was not compared with version {old.version} ({old.strategy} on {old.base}): {reason}."
    return SuccessionSection(old.version, old.base, old.strategy, 0, None, None, None, None, None, "", sentence)
