"""Shares of a sample below a value."""

import numpy as np
import pytest

from epitaxy_models.calibration.percentile import shares_below


def test_shares_are_quantiles_the_other_way_round() -> None:
    sample = np.sort(np.random.default_rng(0).normal(size=37))
    levels = np.linspace(0, 1, 200)
    assert shares_below(np.quantile(sample, levels), sample) == pytest.approx(levels, abs=1e-12)


def test_values_beyond_the_sample_lie_at_its_ends() -> None:
    found = shares_below(np.array([-np.inf, -5.0, 0.0, 4.0, 9.0, np.inf]), np.array([0.0, 1.0, 4.0]))
    assert found.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_rounding_does_not_move_a_share_by_a_member_of_the_sample() -> None:
    sample = np.array([1.0, 2.0, 3.0])
    below, at, above = shares_below(np.array([2 - 1e-9, 2.0, 2 + 1e-9]), sample)
    assert at == 0.5
    assert above - below == pytest.approx(1e-9)
