"""Labels that are 0 or 1: the link to probabilities, what they are worth, the check of labels, and folds."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.transfer.classes.link import ProbabilityLink
from epitaxy_models.transfer.classes.quality import quality_of
from epitaxy_models.transfer.contest.cross_validation import CrossValidation
from epitaxy_models.transfer.contest.probabilities import brier_errors, probabilities
from epitaxy_models.transfer.contest.stacking import stack_weights
from epitaxy_models.transfer.labels.classes import class_obstacle, judge_classes
from epitaxy_models.transfer.labels.judging import Crystal, LabelledRow
from epitaxy_models.transfer.request import LowFidelityColumn, TransferRequest
from epitaxy_models.transfer.splits import grouped_folds
from epitaxy_models.transfer.strategy import TransferPrediction

ROW = ConfigurationError("no structure")


def coins(n: int, seed: int, sharpness: float = 4.0):
    """Scores, labels that are 1 as often as a logistic function of the score says, and that probability."""
    random = np.random.default_rng(seed)
    scores = random.uniform(-0.2, 1.2, n)
    truth = expit(sharpness * (scores - 0.6))
    return scores, (random.random(n) < truth).astype(float), truth


def test_a_link_makes_probabilities_of_scores_and_changes_no_ranking():
    scores, labels, truth = coins(4000, 0)
    link = ProbabilityLink.fit(scores, labels, np.ones(len(scores)))
    given = link.probabilities(scores)
    assert np.abs(given - truth).mean() < 0.04
    order = np.argsort(scores)
    assert (np.diff(given[order]) > 0).all()
    far = link.probabilities(np.array([-50.0, -1.0, 0.0, 1.0, 2.0, 50.0]))
    assert far.min() > 0
    assert far.max() < 1
    assert ProbabilityLink.from_json(link.as_json()) == link
    with pytest.raises(CheckpointError, match="no link"):
        ProbabilityLink.from_json({"slope": 1.0})


def test_few_labels_that_are_told_apart_by_chance_make_no_certainty():
    scores = np.linspace(0.0, 1.0, 12)
    link = ProbabilityLink.fit(scores, (scores > 0.5).astype(float), np.ones(12))
    given = link.probabilities(scores)
    assert 0.03 < given[0] < 0.25
    assert 0.75 < given[-1] < 0.97
    # A row that was tested three times counts once.
    thrice = ProbabilityLink.fit(np.repeat(scores, 3), np.repeat(scores > 0.5, 3).astype(float), np.full(36, 1 / 3))
    assert thrice.probabilities(scores) == pytest.approx(given, abs=1e-3)


def test_bounds_hold_the_true_probability_as_often_as_they_say():
    """The 90 % bounds at three scores over 120 draws of 100 labels; a link without uncertainty would hold none."""
    at = np.array([0.2, 0.5, 0.9])
    held = []
    for seed in range(120):
        scores, labels, _ = coins(100, seed)
        link = ProbabilityLink.fit(scores, labels, np.ones(100))
        half = 1.645 * link.logit_stds(at)
        truth = expit(4.0 * (at - 0.6))
        low, high = link.rates(link.logits(at) - half), link.rates(link.logits(at) + half)
        held.append((low <= truth) & (truth <= high))
    assert 0.86 <= np.mean(held) <= 0.95
    assert (link.logit_stds(at, np.full(3, 0.1)) > link.logit_stds(at)).all()


def test_probabilities_that_hold_are_told_from_those_that_are_too_sure():
    _, labels, truth = coins(400, 3)
    kept = quality_of(truth, labels, {"stack": 0.8})
    sure = quality_of(np.clip(expit(4 * np.log(truth / (1 - truth))), 1e-6, 1 - 1e-6), labels, {})
    assert kept.is_calibrated
    assert not sure.is_calibrated
    assert kept.brier < sure.brier
    assert kept.brier < kept.constant_brier == pytest.approx(labels.mean() * (1 - labels.mean()))
    # The same ranking has the same AUC.
    assert kept.auc == pytest.approx(sure.auc)
    assert kept.auc_low < kept.auc < kept.auc_high
    assert sum(one.n_rows for one in kept.reliability) == 400
    assert all(one.low <= one.share <= one.high for one in kept.reliability)
    assert kept.calibration_error < sure.calibration_error
    # Too many ones everywhere: no ranking tells it, the test does.
    assert not quality_of(np.clip(truth + 0.2, 0, 0.99), labels, {}).is_calibrated


def validation(name: str, values: np.ndarray, splits) -> CrossValidation:
    parts = tuple(TransferPrediction(values[split.test], np.ones(len(split.test))) for split in splits)
    return CrossValidation(name, parts, 0.0)


def test_each_split_goes_through_a_link_that_has_not_seen_its_labels():
    scores, labels, _ = coins(60, 5)
    splits = grouped_folds([str(row) for row in range(60)], 0, 2, 5, labels.astype(int))
    before = probabilities(validation("gp", scores, splits), labels, splits)
    turned = labels.copy()
    turned[splits[0].test] = 1 - turned[splits[0].test]
    after = probabilities(validation("gp", scores, splits), turned, splits)
    assert after[0] == pytest.approx(before[0])
    assert np.abs(after[1] - before[1]).max() > 1e-3
    errors = brier_errors(before, labels, splits)
    assert errors[0] == pytest.approx((before[0] - labels[splits[0].test]) ** 2)


@pytest.mark.parametrize(("n_labels", "least"), [(60, 0.7), (600, 0.95)])
def test_the_stack_of_classes_trusts_labels_more_the_more_there_are(n_labels, least):
    """Noise beside a good strategy: with few labels the prior still speaks, with many it has no share worth having."""
    scores, labels, _ = coins(n_labels, 5)
    splits = grouped_folds([str(row) for row in range(n_labels)], 0, 2, 5, labels.astype(int))
    shares = []
    for seed in range(10, 20):
        noise = np.random.default_rng(seed).uniform(0, 1, n_labels)
        parts = [validation("gp", scores, splits), validation("noise", noise, splits)]
        shares.append(stack_weights(parts, labels, splits, are_classes=True).shares["gp"])
    assert min(shares) > 0.5
    assert np.mean(shares) > least


def test_folds_spread_the_rarer_class_and_tear_no_formula():
    random = np.random.default_rng(2)
    formulas = [f"f{number}" for number in random.integers(0, 60, 100)]
    rare = {name for name in set(formulas) if int(name[1:]) % 6 == 0}
    labels = np.array([int(name in rare) for name in formulas])
    splits = grouped_folds(formulas, 7, n_repeats=2, n_folds=5, strata=labels)
    n_rare = int(labels.sum())
    for repeat in (splits[:5], splits[5:]):
        assert Counter(row for split in repeat for row in split.test.tolist()) == Counter(range(100))
        held = [int(labels[split.test].sum()) for split in repeat]
        assert max(held) - min(held) <= 3
        assert min(held) >= n_rare // 5 - 2
    for split in splits:
        assert not {formulas[row] for row in split.test} & {formulas[row] for row in split.train}
    # Order does not matter: the parts are of formulas.
    order = random.permutation(100)
    again = grouped_folds([formulas[row] for row in order], 7, 2, 5, labels[order])
    assert {frozenset(order[split.test].tolist()) for split in again} == {frozenset(s.test.tolist()) for s in splits}


def row(number: int, label: float, key: str = "") -> LabelledRow:
    return LabelledRow(number, f"r{number}", label, Crystal(f"X{number}", 1, key or number))


def test_rows_of_one_material_have_the_class_of_most_of_them():
    rows = [row(n, n % 2) for n in range(12)]
    rows += [row(12, 1, "same"), row(13, 1, "same"), row(14, 0, "same"), row(15, 1, "torn"), row(16, 0, "torn")]
    judged = judge_classes([*rows, row(17, 0.5), row(18, np.nan)])
    reasons = {entry.row: entry.reason for entry in judged.check.refused}
    assert reasons == {
        15: "CONTRADICTORY_LABELS", 16: "CONTRADICTORY_LABELS", 17: "NOT_A_CLASS", 18: "MISSING_LABEL",
    }  # fmt: skip
    assert judged.labels[judged.rows == 12] == 1
    assert (judged.check.n_usable, judged.check.n_merged, judged.check.obstacle) == (13, 2, None)
    assert not judged.check.outliers


@pytest.mark.parametrize(("n_ones", "n_zeros", "reason"), [(0, 12, "ONE_CLASS"), (20, 2, "TOO_FEW_OF_A_CLASS")])
def test_a_class_that_lacks_labels_stops_a_job(n_ones, n_zeros, reason):
    obstacle = class_obstacle(np.array([1.0] * n_ones + [0.0] * n_zeros))
    assert obstacle.reason == reason
    assert "add" in obstacle.message
    assert class_obstacle(np.array([1.0] * 20 + [0.0] * 3)) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"transform": "log10"},
        {"laws": ("bounded:0:1",)},
        {"low_fidelity": {"pbe": LowFidelityColumn(np.zeros(1))}},
        {"sides": np.array([1], dtype=np.int8)},
    ],
)
def test_what_is_of_numbers_is_refused_for_classes(odd):
    definition = PropertyDefinition("glass", "1", Fidelity.EXPERIMENT, "", "")
    with pytest.raises(ConfigurationError, match="0 or 1") as caught:
        TransferRequest("m", [("a", ROW)], np.zeros(1), definition, Path("x"), are_classes=True, **odd)
    assert caught.value.reason == "NOT_FOR_CLASSES"
