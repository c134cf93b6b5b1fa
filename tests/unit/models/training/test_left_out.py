"""Errors of members on formulas that they never saw."""

import numpy as np
import pytest

from epitaxy_models.calibration.groups import cells_of
from epitaxy_models.training.calibrating import JudgedRows, fit_calibrators
from epitaxy_models.training.left_out import left_out_values, measure_left_out


def _rows(seed: int, n_elements: np.ndarray, scale: float) -> JudgedRows:
    """Values of 1 with an expected error of 1, and errors of some scale."""
    rng, n = np.random.default_rng(seed), len(n_elements)
    ones = np.ones((n, 1))
    cells = cells_of(n_elements, rng.random(n), np.zeros(n, bool))
    return JudgedRows(ones + scale * rng.normal(size=(n, 1)), ones, np.full((n, 1), -np.inf), ones, np.zeros(n), cells)


HELD_OUT = _rows(0, np.random.default_rng(0).integers(2, 6, 2000), 1.0)
ELEMENTS = _rows(1, np.ones(400, int), 3.0)


def test_only_members_that_never_saw_a_row_speak_for_it() -> None:
    by_member = np.array([[[1.0], [2.0]], [[3.0], [4.0]], [[8.0], [9.0]]], dtype=np.float32)
    weights = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]], dtype=np.float32)
    np.testing.assert_allclose(left_out_values(by_member, weights), [[4.5], [4.0]])


def test_elements_are_measured_with_intervals_from_other_formulas() -> None:
    formulas = [f"formula {row // 4:03d}" for row in range(400)]
    groups = {"1 element": np.ones(400, bool), "few": np.arange(400) < 19}
    (found,) = measure_left_out(ELEMENTS, HELD_OUT, formulas, groups)
    assert set(found) == {"1 element"}
    errors = found["1 element"]
    assert (errors["n"], errors["n_formulas"]) == (400, 100)
    assert errors["mae_low"] < errors["mae"] < errors["mae_high"]
    assert errors["mae"] == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.1)
    for level in (80, 90, 95):
        assert errors[f"coverage_{level}"] == pytest.approx(level / 100, abs=0.04)
    # One half of the formulas errs ten times as much: with its own intervals it would be covered all the same.
    half = np.arange(400) // 4 % 2 == 0
    worse = np.where(half[:, None], 1 + 10 * (ELEMENTS.labels - 1), ELEMENTS.labels)
    changed = JudgedRows(worse, *(getattr(ELEMENTS, name) for name in _OTHERS))
    (apart,) = measure_left_out(changed, HELD_OUT, formulas, {"worse": half, "better": ~half})
    assert apart["worse"]["coverage_90"] < 0.3
    assert apart["better"]["coverage_90"] == 1


def test_an_interval_at_a_bound_is_narrower_and_covers_as_many() -> None:
    formulas = [str(row) for row in range(400)]
    everything = {"all": np.ones(400, bool)}
    bounded = JudgedRows(
        np.maximum(ELEMENTS.labels, 0.5),
        ELEMENTS.values,
        np.full((400, 1), 0.5),
        *(getattr(ELEMENTS, n) for n in _LAST),
    )
    (free,), (cut,) = (measure_left_out(rows, HELD_OUT, formulas, everything) for rows in (ELEMENTS, bounded))
    assert cut["all"]["mean_interval_width"] < 0.7 * free["all"]["mean_interval_width"]
    assert cut["all"]["coverage_90"] == pytest.approx(0.9, abs=0.04)


def test_elements_decide_their_own_multipliers_alone() -> None:
    none = ELEMENTS.take(np.zeros(400, bool))
    (without,), (with_elements,) = fit_calibrators(HELD_OUT, none, ELEMENTS)
    ones, cells = np.ones(2), cells_of(np.array([1, 3]), np.array([0.2, 0.2]), np.zeros(2, bool))
    before, after = (one.half_widths(ones, 0.9, ones * 0, cells) for one in (without, with_elements))
    assert after[0] > 2 * before[0]
    assert after[1] == pytest.approx(before[1], rel=1e-3)


_OTHERS = ("values", "lower_bounds", "expected_errors", "scores", "cells")
_LAST = ("expected_errors", "scores", "cells")
