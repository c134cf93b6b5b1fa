"""What every calibrator of intervals must satisfy, as tests to inherit.

A test module subclasses ``CalibratorContract`` and gives ``fit``; pytest runs the inherited tests::

    class TestMyCalibrator(CalibratorContract):
        def fit(self, sample):
            return my_calibrator(sample.values, sample.expected_errors, sample.labels)
"""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.coverage import COVERAGE_MAX, COVERAGE_MIN, DEFAULT_COVERAGE
from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]

_COVERAGES = (COVERAGE_MIN, 0.8, DEFAULT_COVERAGE, 0.95, COVERAGE_MAX)
_FREEDOM = 4
_N_POPULATION = 300
_N_SIGMA = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSample:
    """Structures with predictions and labels, ``[n]`` each.

    Attributes:
        values: Predicted.
        expected_errors: As the model expects them, positive; right up to a factor that nobody knows.
        domain_scores: Distance to the training data, 0 to 1.
        labels: True values.
    """

    values: Array
    expected_errors: Array
    domain_scores: Array
    labels: Array

    def take(self, rows: NDArray[np.int64]) -> "CalibrationSample":
        """The chosen structures, in that order."""
        return CalibrationSample(
            self.values[rows], self.expected_errors[rows], self.domain_scores[rows], self.labels[rows]
        )


class CalibratorContract:
    """Coverage, order, units and storage of a calibrator.

    Attributes:
        n_calibration: Structures in a calibration set of the tests.
        n_fits: Calibration sets over which coverage is averaged.
        n_too_few: A calibration set that must be refused.
        excess: Coverage allowed beyond the nominal one besides ``2 / (n_calibration + 1)``.
    """

    n_calibration = 200
    n_fits = 400
    n_too_few = 7
    excess = 0.0

    def fit(self, sample: CalibrationSample) -> Calibrator:
        """Fits to a sample; the subclass gives it."""
        raise NotImplementedError("a subclass of CalibratorContract gives fit")

    def half_widths(self, calibrator: Calibrator, sample: CalibrationSample, coverage: float) -> Array:
        """Half-widths of the intervals, ``[n]``."""
        return calibrator.half_widths(sample.expected_errors, coverage, sample.domain_scores)

    def test_an_interval_a_structure_finite_and_positive(self) -> None:
        """Float64 ``[n]``."""
        sample = draw(0, self.n_calibration)
        widths = self.half_widths(self.fit(sample), sample, DEFAULT_COVERAGE)
        assert widths.shape == (self.n_calibration,), f"shape {widths.shape}"
        assert widths.dtype == np.float64, f"dtype {widths.dtype}"
        assert np.isfinite(widths).all(), "an interval is endless"
        assert (widths > 0).all(), "an interval has no width"

    def test_no_structures_give_no_intervals(self) -> None:
        """Shape ``[0]``."""
        sample = draw(0, self.n_calibration)
        nothing = sample.take(np.zeros(0, dtype=np.int64))
        assert self.half_widths(self.fit(sample), nothing, DEFAULT_COVERAGE).shape == (0,)

    def test_an_interval_does_not_depend_on_the_other_structures(self) -> None:
        """Alone, in a batch, and in a reversed batch: to the last bit."""
        sample = draw(1, self.n_calibration)
        calibrator = self.fit(sample)
        together = self.half_widths(calibrator, sample, DEFAULT_COVERAGE)
        rows = np.arange(self.n_calibration)
        alone = [self.half_widths(calibrator, sample.take(row), DEFAULT_COVERAGE) for row in rows[:, None]]
        np.testing.assert_array_equal(np.concatenate(alone), together)
        back = self.half_widths(calibrator, sample.take(rows[::-1]), DEFAULT_COVERAGE)
        np.testing.assert_array_equal(back[::-1], together)

    def test_the_order_of_the_calibration_set_does_not_matter(self) -> None:
        """Exchangeable structures: the same calibrator within rounding; the same order gives the same bits."""
        sample = draw(2, self.n_calibration)
        shuffled = sample.take(np.random.default_rng(0).permutation(self.n_calibration))
        first, again, other = (self._widths(self.fit(s), sample) for s in (sample, sample, shuffled))
        np.testing.assert_array_equal(again, first)
        np.testing.assert_allclose(other, first, rtol=1e-9)

    def test_intervals_of_a_higher_coverage_contain_those_of_a_lower(self) -> None:
        """Over the whole range of coverages, and wider at the end than at the beginning."""
        sample = draw(3, self.n_calibration)
        calibrator = self.fit(sample)
        coverages = np.linspace(COVERAGE_MIN, COVERAGE_MAX, 99)
        widths = np.array([self.half_widths(calibrator, sample, coverage) for coverage in coverages])
        assert (np.diff(widths, axis=0) >= 0).all(), "an interval of a higher coverage is narrower"
        assert (widths[-1] > widths[0]).all(), f"coverages {COVERAGE_MIN} and {COVERAGE_MAX} have equal intervals"

    def test_a_larger_expected_error_gives_a_wider_interval(self) -> None:
        """At equal domain scores."""
        sample = draw(4, self.n_calibration)
        doubled = replace(sample, expected_errors=2.0 * sample.expected_errors)
        calibrator = self.fit(sample)
        before, after = self._widths(calibrator, sample), self._widths(calibrator, doubled)
        assert (after >= before).all(), "an interval is narrower"
        # Those below a floor need not widen.
        assert np.mean(after > before) > 0.9, "few intervals are wider"

    def test_new_structures_are_covered_as_promised(self) -> None:
        """Finite-sample validity on exchangeable draws, averaged over calibration sets.

        At least the nominal coverage, and at most two ranks above it, within the error of the average. Coverage is
        computed from the true distribution of the labels, so that one rank too few is seen.
        """
        population = draw(5, _N_POPULATION)
        covered = np.array([self._coverages(population, seed) for seed in range(self.n_fits)])
        means, errors = covered.mean(axis=0), covered.std(axis=0) / np.sqrt(self.n_fits)
        nominal = np.array(_COVERAGES)
        slack = _N_SIGMA * errors
        assert (means >= nominal - slack).all(), f"covers {means.round(4)} instead of {nominal}"
        most = nominal + 2 / (self.n_calibration + 1) + self.excess
        assert (means <= most + slack).all(), f"covers {means.round(4)} instead of {nominal}"

    def test_intervals_are_in_the_unit_of_the_labels(self) -> None:
        """In meV they are a thousand times those in eV, and a shift of values and labels does nothing."""
        sample = draw(6, self.n_calibration)
        scaled = CalibrationSample(
            1000.0 * sample.values, 1000.0 * sample.expected_errors, sample.domain_scores, 1000.0 * sample.labels
        )
        shifted = replace(sample, values=sample.values + 7.0, labels=sample.labels + 7.0)
        widths = self._widths(self.fit(sample), sample)
        np.testing.assert_allclose(self._widths(self.fit(scaled), scaled), 1000.0 * widths, rtol=1e-5)
        np.testing.assert_allclose(self._widths(self.fit(shifted), sample), widths, rtol=1e-9)

    def test_standardized_errors_average_one(self) -> None:
        """On the calibration structures, from ``stds``."""
        sample = draw(7, self.n_calibration)
        stds = self.fit(sample).stds(sample.expected_errors, sample.domain_scores)
        z = (sample.labels - sample.values) / stds
        np.testing.assert_allclose(np.sqrt(np.mean(z**2)), 1.0, rtol=0.02)

    def test_a_stored_calibrator_gives_the_same_intervals(self) -> None:
        """To the last bit, after JSON."""
        sample = draw(8, self.n_calibration)
        calibrator = self.fit(sample)
        restored = Calibrator.from_json(json.loads(json.dumps(asdict(calibrator))))
        np.testing.assert_array_equal(self._widths(restored, sample), self._widths(calibrator, sample))

    def test_what_cannot_be_promised_is_refused(self) -> None:
        """ConfigurationError for coverages out of range, and for a calibration set that is too small."""
        sample = draw(9, self.n_calibration)
        calibrator = self.fit(sample)
        for coverage in (0.0, COVERAGE_MIN - 0.01, COVERAGE_MAX + 0.001, 1.0, float("nan")):
            try:
                self.half_widths(calibrator, sample, coverage)
            except ConfigurationError:
                continue
            raise AssertionError(f"an interval of coverage {coverage:g} was promised")
        try:
            self.fit(sample.take(np.arange(self.n_too_few)))
        except ConfigurationError:
            return
        raise AssertionError(f"{self.n_too_few} structures were enough")

    def _widths(self, calibrator: Calibrator, sample: CalibrationSample) -> Array:
        return np.concatenate([self.half_widths(calibrator, sample, coverage) for coverage in _COVERAGES])

    def _coverages(self, population: CalibrationSample, seed: int) -> list[float]:
        """Probability that a new structure is covered, for a calibration set drawn from the population."""
        random = np.random.default_rng(1000 + seed)
        chosen = population.take(random.integers(0, _N_POPULATION, self.n_calibration))
        scales = _scales(chosen.expected_errors)
        labels = chosen.values + scales * random.standard_t(_FREEDOM, self.n_calibration)
        calibrator = self.fit(replace(chosen, labels=labels))
        true_scales = _scales(population.expected_errors)
        widths = (self.half_widths(calibrator, population, coverage) for coverage in _COVERAGES)
        return [float(np.mean(1 - 2 * student.sf(width / true_scales, _FREEDOM))) for width in widths]


def draw(seed: int, n: int) -> CalibrationSample:
    """Exchangeable structures with heavy-tailed labels."""
    random = np.random.default_rng(seed)
    values, expected, scores = random.normal(size=n), random.lognormal(sigma=0.8, size=n), random.uniform(size=n)
    return CalibrationSample(values, expected, scores, values + _scales(expected) * random.standard_t(_FREEDOM, n))


def _scales(expected_errors: Array) -> Array:
    """True scale of the errors: what the model expects, times a factor that it does not know."""
    return 2.7 * expected_errors
