"""Conformal intervals keep their promise on exchangeable data, at every coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator, bounded, check_coverage
from epitaxy_models.errors import ConfigurationError

N_CALIBRATION, N_TEST = 2000, 20_000
Sample = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _exchangeable(seed: int, n: int) -> Sample:
    """Values, expected errors that are right up to an unknown factor, and heavy-tailed labels."""
    generator = np.random.default_rng(seed)
    values, expected = generator.normal(size=n), generator.lognormal(sigma=0.8, size=n)
    return values, expected, values + 2.7 * expected * generator.standard_t(3, size=n)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
def test_intervals_cover_the_promised_share_of_new_structures(seed: int, coverage: float) -> None:
    calibrator = Calibrator.fit(*_exchangeable(seed, N_CALIBRATION))
    values, expected, labels = _exchangeable(100 + seed, N_TEST)
    covered = np.mean(np.abs(labels - values) <= calibrator.half_widths(expected, coverage))
    # Binomial errors of the calibration set's quantile and of the test set.
    error = np.sqrt(coverage * (1 - coverage) * (1 / N_CALIBRATION + 1 / N_TEST))
    assert abs(covered - coverage) < 3.5 * error


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_small_calibration_set_covers_on_average_over_many(coverage: float) -> None:
    shares = []
    for seed in range(120):
        calibrator = Calibrator.fit(*_exchangeable(seed, 200))
        values, expected, labels = _exchangeable(1000 + seed, 300)
        shares.append(np.mean(np.abs(labels - values) <= calibrator.half_widths(expected, coverage)))
    # At least the promise, at most 1 / (n + 1) above it, within the error of this mean.
    error = np.sqrt(coverage * (1 - coverage) * (1 / 200 + 1 / 300) / 120)
    assert coverage - 3.5 * error < np.mean(shares) < coverage + 1 / 201 + 3.5 * error


@settings(max_examples=100, deadline=None)
@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99), st.integers(0, 5))
def test_more_coverage_never_narrows_an_interval(one: float, other: float, seed: int) -> None:
    calibrator = Calibrator.fit(*_exchangeable(seed, 300))
    expected = np.array([0.0, 0.1, 1.0, 7.0])
    narrow, wide = (calibrator.half_widths(expected, coverage) for coverage in sorted((one, other)))
    assert (narrow <= wide).all()
    assert (np.diff(wide) >= 0).all()


def test_agreeing_members_do_not_claim_certainty() -> None:
    calibrator = Calibrator.fit(*_exchangeable(0, 500))
    assert calibrator.floor > 0
    assert calibrator.half_widths(np.zeros(1), 0.9)[0] > 0


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [(999, 0.9, 900), (1000, 0.9, 901), (200, 0.9, 181), (200, 0.95, 191), (400, 0.5, 201), (300, 0.99, 298)],
)
def test_identical_expected_errors_give_the_rank_of_n_and_the_new_structure(n: int, coverage: float, rank: int) -> None:
    """``ceil((n + 1) coverage)``; from n alone it would be one less, but for the first case."""
    calibrator = Calibrator.fit(np.zeros(n), np.ones(n), np.random.default_rng(0).permutation(np.arange(1.0, n + 1)))
    assert calibrator.half_widths(np.ones(1), coverage)[0] == pytest.approx(rank, abs=1e-3)


@pytest.mark.parametrize("n", [0, 1, 199])
def test_fit_refuses_a_small_set(n: int) -> None:
    with pytest.raises(ConfigurationError, match=f"calibration needs 200 structures, got {n}") as raised:
        Calibrator.fit(np.zeros(n), np.ones(n), np.zeros(n))
    assert raised.value.reason == "CALIBRATION_TOO_SMALL"


@pytest.mark.parametrize("coverage", [0.0, 0.49, 0.991, 1.0, 90.0, float("nan")])
def test_coverage_out_of_range_is_refused(coverage: float) -> None:
    with pytest.raises(ConfigurationError, match=r"coverage must lie between 0\.5 and 0\.99, got") as raised:
        check_coverage(coverage)
    assert raised.value.reason == "COVERAGE_OUT_OF_RANGE"
    with pytest.raises(ConfigurationError, match="coverage must lie between"):
        Calibrator.fit(*_exchangeable(0, 200)).half_widths(np.ones(1), coverage)


@pytest.mark.parametrize(
    ("multipliers", "floor"),
    [((1.0,) * 99, 0.1), ((2.0, *(1.0,) * 99), 0.1), ((1.0,) * 100, 0.0), ((1.0,) * 100, -1.0)],
)
def test_contradictory_calibrator_is_refused(multipliers: tuple[float, ...], floor: float) -> None:
    with pytest.raises(ConfigurationError, match="multipliers must ascend"):
        Calibrator(multipliers, floor, 200)


def test_ends_are_cut_at_physical_bounds() -> None:
    values, half = np.array([-0.2, 0.3, 5.0]), np.array([0.1, 1.0, 1.0])
    cut, lower, upper = bounded(values, half, 0.0, 5.5)
    assert cut.tolist() == [0.0, 0.3, 5.0]
    assert lower.tolist() == [0.0, 0.0, 4.0]
    np.testing.assert_allclose(upper, [0.1, 1.3, 5.5])
    free = bounded(values, half, None, None)
    np.testing.assert_array_equal(free, [values, values - half, values + half])


def test_interval_lies_around_the_value_that_is_stated() -> None:
    cut, lower, upper = bounded(np.array([-5.0]), np.array([0.5]), 0.0, None)
    assert (cut[0], lower[0], upper[0]) == (0.0, 0.0, 0.5)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 8), st.floats(-1, 9), st.floats(0, 5))
def test_cutting_at_bounds_loses_no_physical_label(label: float, value: float, half: float) -> None:
    _, lower, upper = bounded(np.array([value]), np.array([half]), 0.0, 8.0)
    if value - half <= label <= value + half:  # around the cut value it holds all the more
        assert lower[0] <= label <= upper[0]
