"""What a window says of a model: against scipy, and against dice."""

import numpy as np
import pytest
from scipy.stats import binom

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.measurements.domain import (
    MIN_MEASUREMENTS,
    WINDOW,
    HealthVerdict,
    PredictedMeasurement,
    Window,
    band_counts,
)


def measurement(value=1.0, predicted=1.0, half_width=0.5, coverage=0.9, measurement_id="a"):
    lower, upper = predicted - half_width, predicted + half_width
    return PredictedMeasurement(measurement_id, "NaCl", value, predicted, lower, upper, coverage)


def window(n_inside, n_outside, coverage=0.9):
    inside, outside = measurement(coverage=coverage), measurement(value=9.0, coverage=coverage)
    return Window.of([inside] * n_inside + [outside] * n_outside)


def test_a_window_sums_up_errors_in_the_propertys_unit():
    seen = Window.of([measurement(1.25), measurement(0.5), measurement(3.0)])
    assert (seen.n_measurements, seen.n_inside) == (3, 2)
    assert seen.coverage == pytest.approx(2 / 3)
    assert seen.mean_absolute_error == pytest.approx((0.25 + 0.5 + 2.0) / 3)
    assert seen.bias == pytest.approx((0.25 - 0.5 + 2.0) / 3)
    assert seen.nominal_coverage == pytest.approx(0.9)


def test_a_bound_belongs_to_its_interval():
    assert measurement(1.5).is_inside
    assert measurement(0.5).is_inside
    assert not measurement(1.5 + 1e-12).is_inside


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("count", [MIN_MEASUREMENTS, 57, WINDOW])
def test_the_band_holds_99_of_100_cases_and_no_narrower_one_cut_at_equal_tails_does(count, coverage):
    least, most = band_counts(count, coverage)
    assert binom.cdf(most, count, coverage) - binom.cdf(least - 1, count, coverage) >= 0.99
    # Each tail beyond it has at most half a percent, and would have more with one count fewer in the band.
    assert binom.cdf(least - 1, count, coverage) <= 0.005 < binom.cdf(least, count, coverage)
    assert binom.sf(most, count, coverage) <= 0.005
    assert most == 0 or binom.sf(most - 1, count, coverage) > 0.005


def test_intervals_that_keep_their_promise_are_suspected_in_fewer_than_one_case_of_a_hundred():
    counts = np.random.default_rng(7).binomial(WINDOW, 0.9, size=20_000)
    suspected = [window(inside, WINDOW - inside).verdict is not HealthVerdict.WITHIN_BAND for inside in set(counts)]
    by_count = dict(zip(set(counts), suspected, strict=True))
    assert np.mean([by_count[count] for count in counts]) == pytest.approx(0.007, abs=0.003)


def test_intervals_that_hold_eight_in_ten_instead_of_nine_are_nearly_always_found_out():
    counts = np.random.default_rng(7).binomial(WINDOW, 0.8, size=2_000)
    least, _ = band_counts(WINDOW, 0.9)
    assert np.mean(counts < least) > 0.9


@pytest.mark.parametrize(
    ("n_inside", "n_outside", "verdict"),
    [
        (0, 0, HealthVerdict.TOO_FEW),
        (0, 19, HealthVerdict.TOO_FEW),
        (13, 7, HealthVerdict.OVERCONFIDENT),
        (14, 6, HealthVerdict.WITHIN_BAND),
        (20, 0, HealthVerdict.WITHIN_BAND),
        (180, 20, HealthVerdict.WITHIN_BAND),
        (168, 32, HealthVerdict.WITHIN_BAND),
        (167, 33, HealthVerdict.OVERCONFIDENT),
        (200, 0, HealthVerdict.UNDERCONFIDENT),
    ],
)
def test_verdicts(n_inside, n_outside, verdict):
    assert window(n_inside, n_outside).verdict is verdict


def test_a_coverage_on_the_edge_of_the_band_is_within_it():
    for count in range(MIN_MEASUREMENTS, WINDOW + 1):
        for edge in band_counts(count, 0.9):
            seen = window(edge, count - edge)
            assert seen.verdict is HealthVerdict.WITHIN_BAND
            assert seen.band[0] <= seen.coverage <= seen.band[1]


def test_nothing_measured_says_nothing():
    assert Window.of([]) == Window()
    assert (Window().coverage, Window().band) == (0.0, (0.0, 1.0))


@pytest.mark.parametrize("measurement_id", ["", "a" * 129, "a\nb", "a\x00"])
def test_an_id_that_cannot_be_printed_is_refused(measurement_id):
    with pytest.raises(InvalidRequestError, match="must have 1 to 128 printable characters"):
        measurement(measurement_id=measurement_id)


@pytest.mark.parametrize("change", [{"value": np.nan}, {"predicted": np.inf}, {"half_width": -1.0}])
def test_numbers_without_an_interval_are_refused(change):
    with pytest.raises(InvalidRequestError, match="holds no value with an interval"):
        measurement(**change)


@pytest.mark.parametrize("coverage", [0.0, 1.0, np.nan])
def test_a_coverage_outside_of_0_and_1_is_refused(coverage):
    with pytest.raises(InvalidRequestError, match="not within 0 and 1"):
        measurement(coverage=coverage)
