"""The contract of calibrators, held by split-conformal intervals of every shape and by those out of fold."""

from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.difficulty import DifficultyShape
from epitaxy_models.calibration.out_of_fold import OutOfFold, calibrate
from epitaxy_models.testing.calibrator_contract import Array, CalibrationSample, CalibratorContract


class TestSplitConformal(CalibratorContract):
    n_too_few = 199

    def fit(self, sample: CalibrationSample) -> Calibrator:
        return Calibrator.fit(sample.values, sample.expected_errors, sample.labels)


class TestSplitConformalByDomainScore(CalibratorContract):
    """Tempered expected errors, wider far from the training data: valid although the shape is not the true one."""

    n_too_few = 199

    def fit(self, sample: CalibrationSample) -> Calibrator:
        shape = DifficultyShape(power=0.7, slope=0.3)
        return Calibrator.fit(sample.values, sample.expected_errors, sample.labels, sample.domain_scores, shape)


class TestOutOfFold(CalibratorContract):
    def fit(self, sample: CalibrationSample) -> Calibrator:
        rows = np.arange(len(sample.labels))
        return calibrate(OutOfFold.gather([rows], [sample.values], [sample.expected_errors], sample.labels))


class TestOutOfFoldOfFewLabels(TestOutOfFold):
    """Coverages beyond ``n / (n + 1)`` are met by a tail, from above."""

    n_calibration, n_fits = 40, 800
    excess = 0.01


class _OneRankTooFew(TestSplitConformal):
    """The quantile of n structures, not of n + 1."""

    def fit(self, sample: CalibrationSample) -> Calibrator:
        fitted = super().fit(sample)
        residuals = np.sort(np.abs(sample.labels - sample.values) / np.maximum(sample.expected_errors, fitted.floor))
        ranks = np.ceil(len(residuals) * np.round(np.arange(0.50, 0.9951, 0.005), 3) - 1e-9).astype(int) - 1
        return replace(fitted, multipliers=tuple(residuals[ranks].tolist()))


class _SameForAllCoverages(TestSplitConformal):
    def half_widths(self, calibrator: Calibrator, sample: CalibrationSample, coverage: float) -> Array:
        return super().half_widths(calibrator, sample, 0.9)


class _LastFirst(TestSplitConformal):
    """Learns from the first half of its set."""

    def fit(self, sample: CalibrationSample) -> Calibrator:
        half = sample.take(np.repeat(np.arange(len(sample.labels) // 2), 2))
        return super().fit(half)


class _InTheBatch(TestSplitConformal):
    """Widens with the hardest structure of the batch."""

    def half_widths(self, calibrator: Calibrator, sample: CalibrationSample, coverage: float) -> Array:
        return super().half_widths(calibrator, sample, coverage) * (1 + sample.expected_errors.max(initial=0.0))


class _Floored(TestSplitConformal):
    """Half a unit at least, whatever the unit."""

    def half_widths(self, calibrator: Calibrator, sample: CalibrationSample, coverage: float) -> Array:
        return np.maximum(super().half_widths(calibrator, sample, coverage), 0.5)


class _Wide(TestSplitConformal):
    """Twice as wide as promised: safe, and useless."""

    def half_widths(self, calibrator: Calibrator, sample: CalibrationSample, coverage: float) -> Array:
        return 2 * super().half_widths(calibrator, sample, coverage)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (_OneRankTooFew, "test_new_structures_are_covered_as_promised"),
        (_Wide, "test_new_structures_are_covered_as_promised"),
        (_SameForAllCoverages, "test_intervals_of_a_higher_coverage_contain_those_of_a_lower"),
        (_SameForAllCoverages, "test_what_cannot_be_promised_is_refused"),
        (_LastFirst, "test_the_order_of_the_calibration_set_does_not_matter"),
        (_InTheBatch, "test_an_interval_does_not_depend_on_the_other_structures"),
        (_Floored, "test_intervals_are_in_the_unit_of_the_labels"),
    ],
)
def test_contract_catches(broken: type[CalibratorContract], test: str) -> None:
    with pytest.raises(AssertionError, match=r"covers|not equal|Not equal|equal intervals|promised"):
        getattr(broken(), test)()
