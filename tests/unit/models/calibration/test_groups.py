"""Intervals by group: coverage within groups, small groups, storage."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.group_quantiles import GroupFit
from epitaxy_models.calibration.groups import MIN_SUPPORT, N_CELLS, GroupMultipliers, cells_of, levels_of
from epitaxy_models.errors import ConfigurationError

N = 4000
EVERY_CELL = np.arange(N_CELLS)


def _crystals(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Residuals over an expected error of 1, and cells; errors differ by group more than they are expected to."""
    rng = np.random.default_rng(seed)
    elements, scores, metals = rng.integers(2, 7, n), rng.random(n) ** 0.2, rng.random(n) < 0.4
    true = np.array([0, 0, 2.0, 1.0, 0.8, 0.5, 0.5])[elements] * (1 + 2 * (scores > 0.95)) * np.where(metals, 0.2, 1)
    return np.abs(rng.normal(size=n)) * true, cells_of(elements, scores, metals)


def _plain(residuals: np.ndarray) -> Calibrator:
    return Calibrator.fit(np.zeros(len(residuals)), np.ones(len(residuals)), residuals)


def _by_group(residuals: np.ndarray, cells: np.ndarray) -> Calibrator:
    return replace(_plain(residuals), groups=GroupFit.of(residuals, cells).multipliers(np.zeros(0), np.zeros(0, int)))


def _misses(calibrator: Calibrator, seed: int, coverage: float) -> tuple[float, float]:
    """Largest miss of the coverage of new crystals by number of elements or domain score, and by predicted metal."""
    residuals, cells = _crystals(seed, 40_000)
    inside = residuals <= calibrator.half_widths(np.ones(len(cells)), coverage, None, cells)
    levels = levels_of(cells)
    found = [
        [abs(inside[levels[:, axis] == one].mean() - coverage) for one in np.unique(levels[:, axis])]
        for axis in range(3)
    ]
    return max(found[0] + found[1]), max(found[2])


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95, 0.93])
def test_every_group_covers_what_was_promised(coverage: float) -> None:
    residuals, cells = _crystals(1)
    known, of_metals = _misses(_by_group(residuals, cells), 2, coverage)
    without, _ = _misses(_plain(residuals), 2, coverage)
    # Four points are promised: one of slack, the rest is chance among 4,000 calibration structures.
    assert known < 0.04
    assert without > 0.04
    # Seven points of the calibration structures are left to metals.
    assert of_metals < 0.1


def test_a_structure_has_one_cell_whose_levels_are_its_own() -> None:
    cells = cells_of(np.array([1, 2, 5, 9]), np.array([0.0, 0.5, 0.949, 1.0]), np.array([True, False, True, False]))
    assert levels_of(cells).tolist() == [[0, 0, 1], [1, 1, 0], [4, 3, 1], [4, 4, 0]]
    assert len({tuple(row) for row in levels_of(EVERY_CELL).tolist()}) == N_CELLS


def test_elements_have_the_quantiles_of_their_own_residuals_and_move_no_other_group() -> None:
    residuals, cells = _crystals(3)
    of_elements = cells_of(np.ones(99, int), np.full(99, 0.97), np.ones(99, bool))
    ten_times = np.linspace(1, 99, 99)
    with_elements = _by_group(np.concatenate([residuals, ten_times]), np.concatenate([cells, of_elements]))
    half = with_elements.half_widths(np.ones(1), 0.9, None, of_elements[:1])
    assert half[0] == pytest.approx(90, rel=1e-3)
    compound = EVERY_CELL[levels_of(EVERY_CELL)[:, 0] > 0]
    alone = _by_group(residuals, cells).half_widths(np.ones(len(compound)), 0.9, None, compound)
    np.testing.assert_allclose(with_elements.half_widths(np.ones(len(compound)), 0.9, None, compound), alone, rtol=1e-3)


def test_a_group_that_was_never_met_has_the_interval_of_a_larger_one_and_is_reported() -> None:
    residuals, cells = _crystals(4)
    groups = _by_group(residuals, cells).groups
    assert groups is not None
    elements, binaries = (EVERY_CELL[levels_of(EVERY_CELL)[:, 0] == level] for level in (0, 1))
    np.testing.assert_array_equal(groups.at(elements, 0.95), groups.at(binaries, 0.95))
    assert not groups.are_supported(elements).any()
    assert groups.are_supported(binaries).all()


def test_beyond_what_a_small_group_can_promise_its_interval_is_wider_than_any_error() -> None:
    residuals, cells = _crystals(5)
    few = cells_of(np.ones(MIN_SUPPORT, int), np.full(MIN_SUPPORT, 0.3), np.zeros(MIN_SUPPORT, bool))
    errors = np.linspace(1, 5, MIN_SUPPORT)
    calibrator = _by_group(np.concatenate([residuals, errors]), np.concatenate([cells, few]))
    widths = [calibrator.half_widths(np.ones(1), coverage, None, few[:1])[0] for coverage in (0.9, 0.95, 0.99)]
    assert widths[1] == pytest.approx(5, rel=1e-3)
    assert widths[2] == pytest.approx(10, rel=1e-3)
    assert widths[0] < widths[1]


def test_intervals_of_a_metal_without_an_error_have_a_width() -> None:
    residuals, cells = _crystals(6)
    residuals[levels_of(cells)[:, 2] == 1] = 0
    half = _by_group(residuals, cells).half_widths(np.ones(N_CELLS), 0.5, None, EVERY_CELL)
    assert half.min() > 0


def test_a_higher_coverage_has_no_narrower_interval_in_any_cell() -> None:
    calibrator = _by_group(*_crystals(7, 400))
    widths = [calibrator.half_widths(np.ones(N_CELLS), c, None, EVERY_CELL) for c in np.linspace(0.5, 0.99, 99)]
    assert (np.diff(widths, axis=0) >= 0).all()


def test_groups_are_stored_as_plain_numbers_and_old_cards_have_none() -> None:
    calibrator = _by_group(*_crystals(8, 400))
    record = json.loads(json.dumps(asdict(calibrator)))
    assert Calibrator.from_json(record) == calibrator
    del record["groups"]
    old = Calibrator.from_json(record)
    assert old.groups is None
    np.testing.assert_array_equal(
        old.half_widths(np.ones(3), 0.9), _plain(_crystals(8, 400)[0]).half_widths(np.ones(3), 0.9)
    )


def test_intervals_by_group_need_the_groups() -> None:
    with pytest.raises(ConfigurationError, match="differ by group: give the cells"):
        _by_group(*_crystals(9, 400)).half_widths(np.ones(2), 0.9)


def test_multipliers_of_another_shape_are_refused() -> None:
    groups = _by_group(*_crystals(9, 400)).groups
    assert groups is not None
    for change in (
        {"support": groups.support[1:]},
        {"log_multipliers": groups.log_multipliers[1:]},
        {"coverages": (0.5, 0.9)},
    ):
        with pytest.raises(ConfigurationError, match="multipliers of groups must be finite"):
            replace(groups, **change)
    with pytest.raises(ConfigurationError, match="multipliers of groups must be finite"):
        GroupMultipliers(groups.coverages, ((float("inf"),) * len(groups.coverages),) * N_CELLS, groups.support)
