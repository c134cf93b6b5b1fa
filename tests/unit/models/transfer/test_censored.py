from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.censoring import Side, compared, merged
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow, judge_labels
from epitaxy_models.transfer.labels.suspicion import SuspicionKind
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, PoolMedian
from epitaxy_models.transfer.strategies.censored import CensoredProcess, FittedCensoredProcess, for_censored
from epitaxy_models.transfer.strategy import FittedStrategy

Problem = tuple[TransferInputs, np.ndarray]
TRAIN, TEST = np.arange(90), np.arange(90, 160)


def _limited(problem: Problem, side: Side) -> tuple[TransferInputs, np.ndarray]:
    """The training rows as an instrument reports them that sees nothing beyond its limit, which varies."""
    inputs, truth = problem
    limits = np.quantile(-side * truth[TRAIN], 0.4) * -side + 0.2 * np.random.default_rng(1).normal(size=len(TRAIN))
    is_bound = side * truth[TRAIN] > side * limits
    sides = np.where(is_bound, side, Side.AT).astype(np.int8)
    return replace(inputs.take(TRAIN), sides=sides), np.where(is_bound, limits, truth[TRAIN])


@pytest.mark.parametrize("side", [Side.BELOW, Side.ABOVE])
def test_bounds_in_the_likelihood_beat_bounds_as_values_and_bounds_left_out(
    smooth_problem: Problem, side: Side
) -> None:
    inputs, labels = _limited(smooth_problem, side)
    asked, truth = smooth_problem[0].take(TEST), smooth_problem[1][TEST]
    values = np.flatnonzero(inputs.sides == Side.AT)
    assert 40 < len(values) < 70
    process = BlockGP()
    fits = (
        for_censored(process).fit(inputs, labels, seed=0),
        process.fit(inputs, labels, seed=0),
        process.fit(inputs.take(values), labels[values], seed=0),
    )
    hidden = side * truth > np.quantile(side * truth, 0.6)
    errors = [np.abs(fitted.predict(asked).values - truth) for fitted in fits]
    ours, as_values, left_out = (entry[hidden].mean() for entry in errors)
    assert ours < 0.5 * as_values
    assert ours < 0.95 * left_out
    assert errors[0].mean() < min(errors[1].mean(), errors[2].mean())
    covered = errors[0] < 1.645 * fits[0].predict(asked).stds
    assert covered.mean() > 0.8


def test_other_strategies_learn_a_bound_as_the_mean_of_what_is_possible(smooth_problem: Problem) -> None:
    inputs, labels = _limited(smooth_problem, Side.BELOW)
    asked, truth = smooth_problem[0].take(TEST), smooth_problem[1][TEST]
    values = np.flatnonzero(inputs.sides == Side.AT)
    hidden = truth < np.quantile(truth, 0.4)
    for strategy in (EmbeddingRidge(), PoolMedian()):
        fits = (
            for_censored(strategy).fit(inputs, labels, seed=0),
            strategy.fit(inputs, labels, seed=0),
            strategy.fit(inputs.take(values), labels[values], seed=0),
        )
        ours, *others = (np.abs(fitted.predict(asked).values - truth)[hidden].mean() for fitted in fits)
        assert ours < min(others)
        assert for_censored(strategy).name == strategy.name


def test_without_bounds_the_process_is_the_plain_one(smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    asked = inputs.take(TEST)
    one = BlockGP().fit(inputs.take(TRAIN), labels[TRAIN], seed=0).predict(asked)
    two = CensoredProcess(BlockGP()).fit(inputs.take(TRAIN), labels[TRAIN], seed=0).predict(asked)
    np.testing.assert_array_equal(one.values, two.values)


def test_a_bound_that_says_nothing_changes_nothing(smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    sides = np.zeros(len(TRAIN), dtype=np.int8)
    sides[::9] = Side.BELOW
    far = np.where(sides == Side.BELOW, 50.0, labels[TRAIN])
    values = np.flatnonzero(sides == Side.AT)
    fitted = CensoredProcess(BlockGP()).fit(replace(inputs.take(TRAIN), sides=sides), far, seed=0)
    alone = BlockGP().fit(inputs.take(TRAIN[values]), labels[TRAIN[values]], seed=0)
    one, two = fitted.predict(inputs.take(TEST)), alone.predict(inputs.take(TEST))
    assert np.abs(one.values - two.values).mean() < 0.05


def test_the_state_of_a_process_with_bounds_survives(
    smooth_problem: Problem, stored_and_restored: Callable[[FittedStrategy], FittedStrategy]
) -> None:
    inputs, labels = _limited(smooth_problem, Side.BELOW)
    fitted = CensoredProcess(BlockGP()).fit(inputs, labels, seed=0)
    assert isinstance(fitted, FittedCensoredProcess)
    assert fitted.block_weights()
    asked = smooth_problem[0].take(TEST)
    one, two = fitted.predict(asked), stored_and_restored(fitted).predict(asked)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.stds, two.stds)


def test_a_prediction_is_wrong_only_on_the_wrong_side_of_a_bound() -> None:
    values, labels = np.array([1.0, 3.0, 1.0, 3.0, 1.0]), np.full(5, 2.0)
    sides = np.array([Side.BELOW, Side.BELOW, Side.ABOVE, Side.ABOVE, Side.AT], dtype=np.int8)
    np.testing.assert_array_equal(np.abs(compared(values, labels, sides) - labels), [0, 1, 1, 0, 1])


@pytest.mark.parametrize(
    ("labels", "sides", "label", "side", "excess"),
    [
        ([1.0, 1.2, 0.5], [0, 0, 1], 1.1, Side.AT, 0.2),
        ([1.0, 3.0], [0, -1], 1.0, Side.AT, 0.0),  # a value under an upper bound
        ([1.0, 0.4], [0, -1], 1.0, Side.AT, 0.6),  # a value above one
        ([3.0, 2.0], [-1, -1], 2.0, Side.BELOW, 0.0),
        ([3.0, 2.0], [1, 1], 3.0, Side.ABOVE, 0.0),
        ([3.0, 2.0], [-1, 1], 2.5, Side.AT, 0.0),
        ([2.0, 3.0], [-1, 1], 2.5, Side.AT, 1.0),
    ],
)
def test_labels_of_one_crystal_are_merged_as_what_they_are(
    labels: list[float], sides: list[int], label: float, side: Side, excess: float
) -> None:
    found = merged(labels, sides)
    assert (found.label, found.side) == (pytest.approx(label), side)
    assert found.excess == pytest.approx(excess)


def _rows(labels: list[float], sides: list[int], keys: list[int]) -> list[LabelledRow]:
    return [
        LabelledRow(row, f"r{row}", label, Crystal(f"A{key + 1}B", 3, key), side=side)
        for row, (label, side, key) in enumerate(zip(labels, sides, keys, strict=True))
    ]


def test_the_check_tells_bounds_and_holds_only_values_against_each_other() -> None:
    values = np.random.default_rng(2).normal(5, 1, size=30).tolist()
    # A bound a million times beyond all others; one that a value keeps; one that a value breaks.
    labels = [*values, 5e6, values[0] + 0.1, values[1] - 4]
    found = judge_labels(_rows(labels, [*[0] * 30, -1, -1, -1], [*range(30), 30, 0, 1]), "K")
    check = found.check
    assert (check.n_usable, check.n_merged) == (31, 2)
    assert (check.n_upper_bounds, check.n_lower_bounds) == (1, 0)
    assert found.sides.tolist() == [*[0] * 30, -1]
    np.testing.assert_array_equal(found.labels[:2], values[:2])
    assert check.outliers == ()
    assert [group.is_conflicting for group in check.duplicates] == [False, True]
    assert [entry.kind for entry in check.suspicious] == [SuspicionKind.REPLICATES]
    assert f"< {labels[32]:g}" in check.suspicious[0].message
    assert check.obstacle is None
    assert "1 labels are bounds (1 upper, 0 lower)" in " ".join(check.warnings)
    assert judge_labels(_rows(labels, [0] * 33, [*range(33)])).check.outliers


def test_a_job_needs_values_beside_its_bounds() -> None:
    labels = np.linspace(1, 2, 24).tolist()
    stop = judge_labels(_rows(labels, [*[0] * 9, *[-1] * 15], [*range(24)])).check.obstacle
    assert stop is not None
    assert stop.reason == "TOO_FEW_LABELS"
    assert "15 of 24 labels are bounds, and 10 values are needed" in stop.message
