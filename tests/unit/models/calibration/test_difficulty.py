"""Difficulty: tempered expected errors, wider outside of the domain, chosen for even coverage."""

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.calibration import difficulty
from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.difficulty import DEFAULT_SHAPE, DifficultyShape, most_even_shape
from epitaxy_models.errors import ConfigurationError

N = 6000


def _sample(seed: int, power: float, slope: float) -> tuple[NDArray[np.float64], ...]:
    """Residuals whose true scale is that of the shape, expected errors and domain scores."""
    random = np.random.default_rng(seed)
    expected, scores = random.lognormal(sigma=1.0, size=N), random.random(N)
    scale = DifficultyShape(power, slope).difficulties(expected, scores)
    return np.abs(random.normal(size=N)) * scale, expected, scores


def test_plain_difficulty_is_the_expected_error() -> None:
    expected = np.array([0.1, 2.0])
    np.testing.assert_array_equal(DEFAULT_SHAPE.difficulties(expected, None), expected)


def test_difficulty_follows_the_formula() -> None:
    found = DifficultyShape(0.5, 0.2).difficulties(np.array([4.0, 4.0]), np.array([0.003, 1.0]))
    np.testing.assert_allclose(found, [2.0, 2.0 * 0.003**-0.2])


def test_scores_that_are_needed_must_be_given() -> None:
    with pytest.raises(ConfigurationError, match="widen with the domain score: give the scores") as raised:
        DifficultyShape(1.0, 0.1).difficulties(np.ones(2), None)
    assert raised.value.reason == "MISSING_SCORES"


@pytest.mark.parametrize(("power", "slope"), [(0.0, 0.0), (1.1, 0.0), (1.0, -0.1), (1.0, 1.1), (float("nan"), 0.0)])
def test_impossible_shape_is_refused(power: float, slope: float) -> None:
    with pytest.raises(ConfigurationError, match=r"power .* must lie in \(0, 1\]"):
        DifficultyShape(power, slope)


@pytest.mark.parametrize(("power", "slope"), [(1.0, 0.0), (0.7, 0.0), (0.8, 0.3)])
def test_the_shape_behind_the_residuals_is_found(power: float, slope: float) -> None:
    found = most_even_shape(*_sample(0, power, slope))
    assert found.power == pytest.approx(power, abs=0.11)
    assert found.slope == pytest.approx(slope, abs=0.11)


def test_coverage_is_even_over_the_domain_score_where_a_plain_shape_is_not() -> None:
    residuals, expected, scores = _sample(1, 0.8, 0.4)
    shape = most_even_shape(residuals, expected, scores)
    shares = {}
    for name, chosen in (("plain", DEFAULT_SHAPE), ("even", shape)):
        calibrator = Calibrator.fit(np.zeros(N), expected, residuals, scores, chosen)
        fresh, fresh_expected, fresh_scores = _sample(2, 0.8, 0.4)
        inside = fresh <= calibrator.half_widths(fresh_expected, 0.9, fresh_scores)
        shares[name] = [inside[fresh_scores >= 0.95].mean(), inside[fresh_scores < 0.5].mean()]
    assert shares["plain"][0] < 0.8
    assert shares["even"] == pytest.approx([0.9, 0.9], abs=0.04)


def test_expected_errors_that_say_nothing_leave_the_plain_shape() -> None:
    random = np.random.default_rng(3)
    residuals = np.abs(random.normal(size=N))
    assert most_even_shape(residuals, random.lognormal(sigma=2.0, size=N), random.random(N)) == DEFAULT_SHAPE


@pytest.mark.parametrize(("n", "rank"), [(9, 9), (10, 10), (100, 91), (999, 900), (1000, 901)])
def test_shapes_are_judged_at_the_rank_that_intervals_take(n: int, rank: int) -> None:
    assert difficulty._quantile(np.arange(1.0, n + 1), 0.9) == rank


def test_standardized_errors_average_one_on_the_calibration_structures() -> None:
    residuals, expected, scores = _sample(4, 0.8, 0.2)
    calibrator = Calibrator.fit(np.zeros(N), expected, residuals, scores, DifficultyShape(0.8, 0.2))
    assert np.mean((residuals / calibrator.stds(expected, scores)) ** 2) == pytest.approx(1, rel=0.02)


def test_calibrator_is_rebuilt_from_plain_containers_of_any_age() -> None:
    residuals, expected, scores = _sample(5, 0.8, 0.2)
    calibrator = Calibrator.fit(np.zeros(N), expected, residuals, scores, DifficultyShape(0.8, 0.2))
    record = {
        "multipliers": list(calibrator.multipliers),
        "floor": calibrator.floor,
        "n_calibration": N,
        "shape": {"power": 0.8, "slope": 0.2},
        "rms": calibrator.rms,
    }
    assert Calibrator.from_json(record) == calibrator
    old = Calibrator.from_json({key: record[key] for key in ("multipliers", "floor", "n_calibration")})
    assert (old.shape, old.rms) == (DEFAULT_SHAPE, 1.0)
