"""What a job with its default competitors makes of a draw of labels, and what its rivals make of it."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.contest.comparison import Comparison, Contest, Task
from epitaxy_models.transfer.contest.field import Field, material_field
from epitaxy_models.transfer.contest.judge import judge
from epitaxy_models.transfer.contest.stacking import STACK, StackWeights, stack_weights
from epitaxy_models.transfer.fitted.refit import calibrated
from epitaxy_models.transfer.inputs import COUNTS, DESCRIPTORS, FRACTIONS, TransferInputs
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.physics.catalogue import suited_law
from epitaxy_models.transfer.physics.label_scale import LabelScale
from epitaxy_models.transfer.quantities import kin_columns
from epitaxy_models.transfer.splits import grouped_folds, n_folds_for
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.median import KIND as MEDIAN
from epitaxy_models.transfer.strategy import TransferPrediction, TransferStrategy
from loadtest.material_pools import Rows, Target

Array = NDArray[np.float64]
Rows64 = NDArray[np.int64]
DEFAULT, TREES, STATISTICS, PROCESS = "default", "trees", "statistics_trees", "gp"
NOMINAL = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """A target's rows and labels.

    Attributes:
        target: Where they are from.
        rows: What strategies read.
        labels: In the target's unit, ``[n_rows]``.
    """

    target: Target
    rows: Rows
    labels: Array


def rivals(rows: Rows) -> dict[str, tuple[TransferStrategy, Rows]]:
    """Trees and one process, a kernel a block, on what is known without any pretrained model."""
    beside = COUNTS if FRACTIONS not in rows.blocks else FRACTIONS
    seen = rows.only(DESCRIPTORS, beside)
    found: dict[str, tuple[TransferStrategy, Rows]] = {
        TREES: (DescriptorForest(blocks=(DESCRIPTORS, beside)), seen),
        PROCESS: (BlockGP(), seen),
    }
    if FRACTIONS in rows.blocks:
        found[STATISTICS] = (DescriptorForest(), rows.only(DESCRIPTORS))
    return found


def field_of(target: Target, transform: TargetTransform) -> Field:
    """The competitors of a job, told what it would be told."""
    field = material_field(target.kind)
    law = suited_law(target.column, target.conditions)
    if law is not None:
        field = field.with_law(law, LabelScale.of(transform, target.unit))
    heads = MaterialFeatures.shipped(target.kind).substrate.card.heads
    return field.told(0.0, kin_columns(heads, 0, target.column, target.unit, TransformKind(transform.kind)))


def measure(pool: Pool, train: Rows64, test: Rows64, seed: int, n_repeats: int) -> dict[str, Any]:
    """Mean absolute errors on the test rows, of rivals, of competitors and of what the job serves; its intervals."""
    transform = TargetTransform.fit("auto", pool.labels[train])
    targets, truth = transform.forward(pool.labels[train]), pool.labels[test]
    known, asked = pool.rows.take(train), pool.rows.take(test)
    field = field_of(pool.target, transform)
    task = _task(cast("TransferInputs", known), pool.labels[train], transform, seed, n_repeats)
    comparison = _compare(task, field)
    judged = judge(comparison.candidates(lambda _: True), task.test_ratio, median=MEDIAN, default=STACK)
    shares = _shares(task, comparison, field)
    fits = {name: _fitted(entry, known, targets, asked, seed) for name, entry in field.named().items()
            if name in comparison.validations}  # fmt: skip
    served = shares.combine(fits) if judged.chosen == STACK else fits[judged.chosen]
    others = {
        name: _fitted(entry, seen.take(train), targets, seen.take(test), seed)
        for name, (entry, seen) in rivals(pool.rows).items()
    }
    answers = fits | others | {DEFAULT: served, STACK: shares.combine(fits)}
    calibrator = calibrated(comparison.validations[judged.chosen], task).record.calibrator
    is_inside = np.abs(served.values - transform.forward(truth)) <= calibrator.half_widths(served.stds, NOMINAL)
    return {
        "errors": {name: float(np.abs(transform.inverse(a.values) - truth).mean()) for name, a in answers.items()},
        "coverage": float(is_inside.mean()),
        "chosen": judged.chosen,
        "verdict": str(judged.verdict),
        "transfer_verdict": str(judged.transfer_verdict),
        "shares": {name: round(share, 3) for name, share in shares.shares.items()},
        "scale": str(transform.kind),
        "n_test": len(test),
    }


def _task(known: TransferInputs, labels: Array, transform: TargetTransform, seed: int, n_repeats: int) -> Task:
    to_scale = None if transform.kind is TransformKind.NONE else transform.forward
    splits = grouped_folds(known.formulas, seed, n_repeats)
    n_folds = n_folds_for(known.n_rows, len(set(known.formulas)))
    return Task(known, labels, transform.forward(labels), transform.inverse, splits, n_folds, seed, to_scale)


def _compare(task: Task, field: Field) -> Comparison:
    contest = Contest(task, np.inf, lambda: False)
    for strategy in field.frozen:
        contest.add(strategy)
    contest.stack(_stackable(field), field.laws, field.prior)
    return contest.finish()


def _shares(task: Task, comparison: Comparison, field: Field) -> StackWeights:
    parts = [comparison.validations[name] for name in _stackable(field) if name in comparison.validations]
    return stack_weights(parts, task.targets, task.splits, None, field.laws, prior=field.prior)


def _stackable(field: Field) -> list[str]:
    return [entry.name for entry in field.frozen if entry.name != MEDIAN]


def _fitted(entry: TransferStrategy, known: Rows, targets: Array, asked: Rows, seed: int) -> TransferPrediction:
    fitted = entry.fit(cast("TransferInputs", known), targets, seed)
    return fitted.predict(cast("TransferInputs", asked))
