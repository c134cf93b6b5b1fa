"""Parts of the data by formula: fixed, disjoint, and a member's own left-out tenth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy_models.training.split import PARTS, Resampling, member_weights, part_of, parts_of

FORMULAS = [f"A{i}B{j}" for i in range(1, 101) for j in range(1, 101)]

# Pinned: a change of the hash would leak tests into the training of a published model.
PINNED = {
    "ClNa": "calibration",
    "O3SrTi": "train",
    "Si": "train",
    "AsGa": "calibration",
    "O2Ti": "train",
    "Cu": "train",
    "Al2O3": "train",
    "MgO": "train",
    "CaF2": "train",
    "Ag": "test",
    "Zr": "validation",
    "Co": "validation",
    "Y": "test",
    "HgO": "calibration",
    "CeO2": "calibration",
}


@pytest.mark.parametrize(("formula", "part"), PINNED.items())
def test_part_of_a_formula_never_changes(formula: str, part: str) -> None:
    assert part_of(formula) == part


def test_every_part_has_its_share() -> None:
    parts = parts_of(FORMULAS)
    shares = {part: float(np.mean(parts == part)) for part in PARTS}
    assert shares == pytest.approx({"test": 0.05, "calibration": 0.05, "validation": 0.03, "train": 0.87}, abs=0.01)


@given(st.lists(st.sampled_from(FORMULAS[:50]), max_size=20))
def test_part_depends_on_the_formula_alone(formulas: list[str]) -> None:
    assert parts_of(formulas).tolist() == [part_of(formula) for formula in formulas]


def test_each_member_leaves_out_its_own_tenth() -> None:
    kept = np.stack([(member_weights(FORMULAS, member) > 0) for member in range(5)])
    assert kept.mean(axis=1) == pytest.approx([0.9] * 5, abs=0.015)
    left_out = ~kept
    for one in range(5):
        for other in range(one):
            # Independent tenths share a hundredth.
            assert np.mean(left_out[one] & left_out[other]) == pytest.approx(0.01, abs=0.005)
    np.testing.assert_array_equal(kept[3], (member_weights(FORMULAS, 3) > 0))


def test_left_out_tenth_is_spread_over_all_parts() -> None:
    parts, left_out = parts_of(FORMULAS), ~(member_weights(FORMULAS, 0) > 0)
    for part in PARTS:
        assert left_out[parts == part].mean() == pytest.approx(0.1, abs=0.04)


def test_structures_of_one_formula_share_their_fate() -> None:
    twice = [*FORMULAS[:500], *FORMULAS[:500]]
    for column in (parts_of(twice), (member_weights(twice, 2) > 0)):
        np.testing.assert_array_equal(column[:500], column[500:])


def test_bootstrap_draws_each_formula_as_often_as_with_replacement() -> None:
    drawn = np.stack([member_weights(FORMULAS, member, Resampling.BOOTSTRAP) for member in range(5)])
    assert drawn.mean(axis=1) == pytest.approx([1.0] * 5, abs=0.03)
    assert (drawn == 0).mean(axis=1) == pytest.approx([np.exp(-1)] * 5, abs=0.02)
    assert (drawn == 2).mean(axis=1) == pytest.approx([np.exp(-1) / 2] * 5, abs=0.02)
    # The bags of two members are independent of each other.
    assert abs(np.corrcoef(drawn)[0, 1]) < 0.03
