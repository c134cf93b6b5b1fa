"""The judge tells a better strategy from luck, prefers the default, and never serves what loses to a constant."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.contest.cross_validation import CrossValidation
from epitaxy_models.transfer.contest.judge import Candidate, Judgement, estimate, gain, judge
from epitaxy_models.transfer.contest.stacking import StackPrior, stack_weights, stacked
from epitaxy_models.transfer.splits import Split, grouped_folds
from epitaxy_models.transfer.strategy import TransferPrediction
from epitaxy_models.transfer.verdict import Verdict

N_SPLITS, N_TEST, TEST_RATIO = 15, 20, 0.25
MEDIAN, GP, FOREST = "pool_median", "block_gp", "descriptor_forest"


def _candidate(name: str, error: float, seed: int, noise: float = 0.02, may_serve: bool = True) -> Candidate:
    generator = np.random.default_rng(seed)
    rows = tuple(error + noise * generator.normal(size=N_TEST) for _ in range(N_SPLITS))
    return Candidate(name, rows, is_transfer=name not in {MEDIAN, FOREST}, may_serve=may_serve)


def _judged(*candidates: Candidate) -> Judgement:
    return judge(candidates, TEST_RATIO, median=MEDIAN, default=GP)


def test_clearly_better_transfer_helps_and_is_chosen() -> None:
    judged = _judged(_candidate(MEDIAN, 1.0, 0), _candidate(FOREST, 0.6, 1), _candidate(GP, 0.4, 2))
    assert (judged.chosen, judged.verdict, judged.transfer_verdict) == (GP, Verdict.HELPS, Verdict.HELPS)
    assert judged.reference == FOREST
    assert judged.named(GP).gain.mean == pytest.approx(0.2, abs=0.01)


def test_clearly_worse_transfer_hurts_and_the_baseline_serves() -> None:
    judged = _judged(_candidate(MEDIAN, 1.0, 0), _candidate(FOREST, 0.4, 1), _candidate(GP, 0.6, 2))
    assert (judged.chosen, judged.verdict, judged.transfer_verdict) == (FOREST, Verdict.NEUTRAL, Verdict.HURTS)


def test_equal_errors_are_neutral_and_the_default_stays() -> None:
    judged = _judged(_candidate(MEDIAN, 1.0, 0), _candidate(FOREST, 0.5, 1), _candidate(GP, 0.5, 2))
    assert (judged.chosen, judged.transfer_verdict) == (GP, Verdict.NEUTRAL)


def test_luck_within_the_noise_does_not_unseat_the_default() -> None:
    lucky = [_candidate(f"variant_{number}", 0.5, 10 + number, noise=0.3) for number in range(6)]
    judged = _judged(_candidate(MEDIAN, 1.0, 0), _candidate(GP, 0.5, 2, noise=0.3), *lucky)
    best = judged.strategies[0]
    assert best.name != GP
    assert best.error.mean < judged.named(GP).error.mean
    assert judged.chosen == GP


def test_median_serves_where_nothing_beats_it() -> None:
    judged = _judged(_candidate(MEDIAN, 0.5, 0), _candidate(FOREST, 0.55, 1), _candidate(GP, 0.52, 2))
    assert judged.chosen == MEDIAN
    assert "median" in judged.reason


def test_median_serves_even_where_the_caller_allowed_other_strategies_only() -> None:
    judged = _judged(_candidate(MEDIAN, 0.5, 0, may_serve=False), _candidate(GP, 0.9, 2))
    assert judged.chosen == MEDIAN


def test_forced_strategy_that_loses_to_a_baseline_is_marked_as_hurting() -> None:
    forest = _candidate(FOREST, 0.3, 1, may_serve=False)
    judged = _judged(_candidate(MEDIAN, 1.0, 0), forest, _candidate("full_fine_tune", 0.6, 2))
    assert (judged.chosen, judged.verdict) == ("full_fine_tune", Verdict.HURTS)


def test_strategy_of_fewer_splits_is_compared_on_those_it_has() -> None:
    forest = _candidate(FOREST, 0.5, 1)
    hard = Candidate(FOREST, (*forest.errors[:5], *(rows + 5 for rows in forest.errors[5:])), is_transfer=False)
    short = Candidate("full_fine_tune", _candidate("x", 0.4, 2).errors[:5], is_transfer=True)
    assert gain(hard, short, TEST_RATIO).mean == pytest.approx(0.1, abs=0.02)


def test_missing_median_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pool median"):
        _judged(_candidate(GP, 0.5, 0))


def test_intervals_of_repeated_cross_validation_hold_the_truth_as_often_as_they_say() -> None:
    """Two fixed predictors on small samples: the naive interval of repeated splits would be far too narrow."""
    n, covered, naive = 60, 0, 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        differences = 0.1 + generator.normal(size=n)
        splits = grouped_folds([f"row{row}" for row in range(n)], seed, n_repeats=5, n_folds=5)
        by_split = [differences[split.test] for split in splits]
        found = estimate(by_split, 0.25, 0.95)
        covered += found.low <= 0.1 <= found.high
        means = np.array([rows.mean() for rows in by_split])
        naive += abs(means.mean() - 0.1) <= 1.96 * means.std(ddof=1) / np.sqrt(len(means))
    assert covered >= 0.92 * 200
    assert naive < 0.8 * 200


def _validation(name: str, columns: NDArray[np.float64], splits: Sequence[Split]) -> CrossValidation:
    parts = tuple(TransferPrediction(columns[split.test], np.full(len(split.test), 0.5)) for split in splits)
    return CrossValidation(name, parts, 1.0)


def test_stack_beats_two_strategies_that_err_apart_and_drops_a_useless_one() -> None:
    generator = np.random.default_rng(0)
    targets = generator.normal(size=200)
    splits = grouped_folds([f"row{row}" for row in range(200)], 0, n_repeats=2)
    one, two = (targets + 0.3 * generator.normal(size=200) for _ in range(2))
    noise = 5 + generator.normal(size=200)
    validations = [_validation(n, c, splits) for n, c in (("one", one), ("two", two), ("noise", noise))]
    weights = stack_weights(validations, targets, splits).shares
    assert weights.keys() == {"one", "two"}
    assert weights["one"] == pytest.approx(0.5, abs=0.1)
    assert sum(weights.values()) == pytest.approx(1)
    combined = stacked(validations, targets, splits)
    pairs = zip(combined.values, splits, strict=True)
    error = np.mean([np.abs(values - targets[split.test]).mean() for values, split in pairs])
    assert error < 0.8 * np.abs(one - targets).mean()


def test_stack_believes_what_the_field_tells_it() -> None:
    random = np.random.default_rng(4)
    splits = grouped_folds([f"row{row}" for row in range(20)], 0, 1)
    told = StackPrior(50.0, 50.0, weight=6.0, trusted=frozenset({"process"}))
    strict = StackPrior(most_error=1.05)
    before, after, kept = [], [], []
    for _ in range(20):
        targets = random.normal(size=20)
        columns = {name: targets + 0.5 * random.normal(size=20) for name in ("process", "forest")}
        columns["worse"] = columns["forest"] + 0.4 * np.sign(columns["forest"] - targets)
        validations = [_validation(name, column, splits) for name, column in columns.items()]
        before.append(stack_weights(validations, targets, splits).shares.get("process", 0.0))
        after.append(stack_weights(validations, targets, splits, prior=told).shares.get("process", 0.0))
        kept.append("worse" in stack_weights(validations, targets, splits, prior=strict).shares)
        again = stacked(validations, targets, splits, prior=told)
        assert len(again.values) == len(splits)
    assert np.mean(after) > np.mean(before) + 0.1
    assert not any(kept)


def test_stack_leaves_out_what_errs_far_more_and_believes_in_known_laws_until_labels_tell() -> None:
    random = np.random.default_rng(2)

    def shares(n_rows: int, errors: dict[str, float], laws: Sequence[str] = ()) -> Mapping[str, float]:
        targets = random.normal(size=n_rows)
        splits = grouped_folds([f"row{row}" for row in range(n_rows)], 0, 1)
        validations = [
            _validation(name, targets + size * random.normal(size=n_rows), splits) for name, size in errors.items()
        ]
        return stack_weights(validations, targets, splits, laws=laws).shares

    assert "useless" not in shares(20, {"law": 0.5, "fit": 0.5, "useless": 1.5})
    equal = {"law": 0.5, "fit": 0.5}
    few = [shares(20, equal, ["law"]).get("law", 0.0) for _ in range(40)]
    assert np.mean(few) > 0.58
    # Many labels that speak for the other one outweigh the belief.
    assert shares(2000, {"law": 0.6, "fit": 0.5}, ["law"])["fit"] > 0.5


def test_stack_predicts_a_split_without_its_labels() -> None:
    generator = np.random.default_rng(1)
    targets = generator.normal(size=60)
    splits = grouped_folds([f"row{row}" for row in range(60)], 0, n_repeats=1)
    validations = [_validation(name, targets + generator.normal(size=60), splits) for name in ("one", "two")]
    moved = targets.copy()
    moved[splits[0].test] += 100
    before, after = (stacked(validations, labels, splits).parts[0].values for labels in (targets, moved))
    np.testing.assert_array_equal(before, after)
