"""Intervals calibrated on a few dozen labels keep their promise on new rows, at every coverage."""

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.out_of_fold import OutOfFold, calibrate, measured_coverage
from epitaxy_models.errors import ConfigurationError

COVERAGES = (0.5, 0.8, 0.9, 0.95, 0.99)
Array = NDArray[np.float64]


class LinearWorld:
    """Heavy-tailed labels on five inputs, with noise whose scale is known up to a factor."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def draw(self, n: int) -> tuple[Array, Array, Array]:
        inputs = self.generator.normal(size=(n, 5))
        scale = np.exp(0.5 * self.generator.normal(size=n))
        return inputs, inputs @ np.arange(5.0) + scale * self.generator.standard_t(4, size=n), scale


def _ridge(inputs: Array, labels: Array) -> Array:
    return np.asarray(np.linalg.solve(inputs.T @ inputs + np.eye(inputs.shape[1]), inputs.T @ labels))


def _out_of_fold(world: LinearWorld, n: int, n_repeats: int = 3) -> tuple[OutOfFold, list[NDArray[np.int64]], Array]:
    inputs, labels, scale = world.draw(n)
    tested = [fold for _ in range(3) for fold in np.array_split(world.generator.permutation(n), 5)]
    values, stds = [], []
    for fold in tested:
        is_train = ~np.isin(np.arange(n), fold)
        values.append(inputs[fold] @ _ridge(inputs[is_train], labels[is_train]))
        stds.append(3.0 * scale[fold])
    return OutOfFold.gather(tested, values, stds, labels), tested[:5], _ridge(inputs, labels)


def _shares(n: int, seeds: range) -> Array:
    """Share of new rows within their interval by seed and coverage."""
    shares = []
    for seed in seeds:
        world = LinearWorld(seed)
        rows, _, weights = _out_of_fold(world, n)
        calibrator = calibrate(rows)
        inputs, labels, scale = world.draw(400)
        errors = np.abs(labels - inputs @ weights)
        shares.append([np.mean(errors <= calibrator.half_widths(3.0 * scale, coverage)) for coverage in COVERAGES])
    return np.array(shares)


@pytest.mark.parametrize("n", [25, 100])
def test_new_rows_are_covered_as_promised_within_five_points(n: int) -> None:
    means = _shares(n, range(60)).mean(axis=0)
    assert np.abs(means - COVERAGES).max() < 0.05
    # From above, within the error of this mean of binomial shares.
    assert (means > np.array(COVERAGES) - 0.02).all()


def test_measured_coverage_agrees_with_new_rows() -> None:
    measured = []
    for seed in range(40):
        rows, folds, _ = _out_of_fold(LinearWorld(seed), 100)
        measured.append(measured_coverage(rows, folds, COVERAGES))
    np.testing.assert_allclose(np.mean(measured, axis=0), _shares(100, range(40)).mean(axis=0), atol=0.03)


def test_measured_coverage_sees_a_fold_that_errs_more_than_the_others() -> None:
    generator = np.random.default_rng(0)
    labels = generator.normal(size=100)
    labels[:20] *= 50
    rows = OutOfFold(np.arange(100), np.zeros(100), np.ones(100), labels)
    assert measured_coverage(rows, [np.arange(20)], [0.9])[0] < 0.5


def test_repeats_of_a_row_give_its_mean_and_expected_error() -> None:
    tested = [np.array([0, 1]), np.array([1, 0])]
    values, stds = [np.array([1.0, 5.0]), np.array([5.0, 3.0])], [np.array([3.0, 1.0]), np.array([1.0, 4.0])]
    found = OutOfFold.gather(tested, values, stds, np.array([1.0, 5.5]))
    np.testing.assert_allclose(found.residuals, [0.0, 0.5, 0.5, 2.0])
    means, expected = found.means()
    np.testing.assert_allclose(means, [2.0, 5.0])
    np.testing.assert_allclose(expected, [np.sqrt(12.5), 1.0])


@pytest.mark.parametrize(
    ("n", "coverage", "rank"), [(99, 0.9, 90), (99, 0.99, 99), (100, 0.9, 91), (100, 0.99, 100), (20, 0.5, 11)]
)
def test_plain_residuals_give_the_ranks_of_conformal_prediction(n: int, coverage: float, rank: int) -> None:
    """``ceil((n + 1) coverage)``; from n alone it would be one less for 100 and for 20 rows."""
    calibrator = calibrate(OutOfFold(np.arange(n), np.zeros(n), np.ones(n), np.arange(1.0, n + 1)))
    assert calibrator.half_widths(np.ones(1), coverage)[0] == pytest.approx(rank)


def test_coverage_beyond_the_largest_rank_widens_the_interval_further() -> None:
    rows = OutOfFold(np.arange(10), np.zeros(10), np.ones(10), np.arange(1.0, 11.0))
    calibrator: Calibrator = calibrate(rows)
    widths = [calibrator.half_widths(np.ones(1), coverage)[0] for coverage in (0.9, 0.95, 0.99)]
    assert widths[0] <= 10 < widths[1] < widths[2]


def test_repeats_do_not_pretend_to_more_labels() -> None:
    """Ten labels reach coverage 10 / 11, however often each was predicted."""
    rows = OutOfFold(np.tile(np.arange(10), 5), np.zeros(50), np.ones(50), np.arange(1.0, 11.0))
    calibrator = calibrate(rows)
    assert calibrator.n_calibration == 10
    assert calibrator.half_widths(np.ones(1), 0.95)[0] > 10


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs 8 rows, got 7"):
        calibrate(OutOfFold(np.arange(7), *np.ones((3, 7))))


def test_row_that_no_split_tests_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="row 2 lies in the test part of no split"):
        OutOfFold.gather([np.array([0, 1])], [np.zeros(2)], [np.ones(2)], np.zeros(3))
