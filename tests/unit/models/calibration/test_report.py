"""Measured coverage, widths and standardized errors of intervals whose truth is known."""

import numpy as np
import pytest

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.report import REPORTED, Intervals, calibration_report

N = 4000


def _intervals(values: np.ndarray, half: np.ndarray, nominal: float) -> Intervals:
    return Intervals(nominal, values - half, values + half)


def _report(scale: float):
    """Of normal errors whose standard deviations are stated ``scale`` times too large."""
    random = np.random.default_rng(0)
    stds = random.lognormal(sigma=0.7, size=N)
    values = random.normal(size=N)
    labels = values + stds * random.normal(size=N)
    quantiles = {0.5: 0.674, 0.8: 1.282, 0.9: 1.645, 0.95: 1.96}
    intervals = [_intervals(values, scale * quantiles[c] * stds, c) for c in REPORTED]
    constant = {c: _intervals(values, np.full(N, quantiles[c] * 2.0), c) for c in REPORTED}
    groups = {"hard": stds > 1, "few": np.arange(N) < 5}
    return calibration_report(labels, values, scale * stds, intervals, constant, groups)


def test_right_intervals_are_found_to_be_right() -> None:
    report = _report(1.0)
    assert report.n == N
    assert [level.nominal for level in report.levels] == list(REPORTED)
    for level in report.levels:
        assert level.coverage == pytest.approx(level.nominal, abs=0.02)
        assert level.coverage_by_group["hard"] == pytest.approx(level.nominal, abs=0.03)
        assert set(level.coverage_by_group) == {"hard"}
        assert level.median_width < level.mean_width
    assert report.mean_squared_z == pytest.approx(1, abs=0.06)
    assert report.miscalibration_area < 0.02
    assert report.rank_correlation > 0.4


def test_timid_and_bold_intervals_show() -> None:
    timid, bold = _report(2.0), _report(0.5)
    assert timid.levels[2].coverage > 0.98
    assert bold.levels[2].coverage < 0.65
    assert timid.mean_squared_z == pytest.approx(0.25, abs=0.02)
    assert bold.mean_squared_z == pytest.approx(4, abs=0.3)
    assert min(timid.miscalibration_area, bold.miscalibration_area) > 0.1
    assert timid.sharpness == pytest.approx(4 * bold.sharpness)


def test_one_outlier_is_told_apart_from_the_rest() -> None:
    labels = np.zeros(100)
    labels[7] = 50.0
    zeros, ones = np.zeros(100), np.ones(100)
    intervals = [_intervals(zeros, ones, c) for c in REPORTED]
    report = calibration_report(labels, zeros, ones, intervals, dict(zip(REPORTED, intervals, strict=True)))
    assert report.mean_squared_z == pytest.approx(25)
    assert report.mean_squared_z_but_largest == 0
    assert np.isnan(report.rank_correlation)


def test_constant_width_is_measured_as_it_is_given() -> None:
    level = _report(1.0).levels[2]
    assert level.constant_width == pytest.approx(2 * 1.645 * 2.0)


mapie = pytest.importorskip("mapie", reason="mapie, the oracle, is not installed")


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_plain_split_conformal_intervals_are_those_of_mapie(coverage: float) -> None:
    from mapie.regression import SplitConformalRegressor
    from sklearn.linear_model import LinearRegression

    random = np.random.default_rng(1)
    values, labels = random.normal(size=(2, 1000))
    calibrator = Calibrator.fit(values, np.ones(1000), labels)
    same = LinearRegression().fit(values[:, None], values)
    regressor = SplitConformalRegressor(same, confidence_level=coverage, prefit=True)
    regressor.conformalize(values[:, None], labels)
    fresh = random.normal(size=50)
    _, ends = regressor.predict_interval(fresh[:, None])
    half = calibrator.half_widths(np.ones(50), coverage)
    np.testing.assert_allclose(ends[:, 0, 0], fresh - half, atol=2e-3)
    np.testing.assert_allclose(ends[:, 1, 0], fresh + half, atol=2e-3)
