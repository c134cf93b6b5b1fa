"""The test that every explanation has to pass: right orders do, and random or reversed ones are told."""

import numpy as np
import pytest

from epitaxy_models.explanation.attribution import Attribution, integrated_gradients
from epitaxy_models.explanation.explainer import verdict_of
from epitaxy_models.explanation.faithfulness import N_RANDOM_ORDERS, judge

ENERGY, GAP = "formation_energy", "band_gap"
SHARES = np.array([0.5, 3.0, 0.1, 1.4, 0.2, 0.7])


def additive(present):
    """A prediction in which every part counts for itself: its contributions are known exactly."""
    return 2.0 + present @ SHARES


def test_the_right_order_passes_and_its_reverse_is_told() -> None:
    right, wrong = judge(SHARES, additive, seed=1), judge(-SHARES, additive, seed=1)
    assert right.is_faithful
    assert right.beats_random == 1.0
    assert (right.n_parts, right.n_random_orders, right.reason) == (6, N_RANDOM_ORDERS, "")
    assert right.deletion > right.random_deletion
    assert right.insertion > right.random_insertion
    assert not wrong.is_faithful
    assert wrong.beats_random == 0.0
    assert wrong.reason == (
        "taking parts away in the order of their contributions changes the prediction no faster than 100% of 20 random "
        "orders do"
    )


def test_shares_of_an_additive_prediction_are_its_running_sums() -> None:
    found = judge(SHARES, additive, seed=1)
    taken = np.cumsum(np.sort(SHARES)[::-1])[:-1] / SHARES.sum()
    assert (found.deletion, found.insertion) == pytest.approx((taken.mean(), taken.mean()))


def test_what_lowers_the_prediction_is_ranked_by_how_much_it_lowers_it() -> None:
    assert judge(-SHARES, lambda present: -additive(present), seed=1).is_faithful


def test_the_same_seed_draws_the_same_orders() -> None:
    noise = np.random.default_rng(3).normal(size=6)
    assert judge(noise, additive, seed=1) == judge(noise, additive, seed=1)
    assert judge(noise, additive, seed=1) != judge(noise, additive, seed=2)


def test_too_few_parts_are_not_tested() -> None:
    found = judge(SHARES[:3], lambda present: present @ SHARES[:3], seed=1)
    assert not found.is_faithful
    assert found.n_random_orders == 0
    assert found.reason == "only 3 parts: too few for an order of them to be tested"


def test_a_prediction_that_no_part_changes_has_nothing_to_explain() -> None:
    found = judge(SHARES, lambda present: np.ones(len(present)), seed=1)
    assert not found.is_faithful
    assert "nothing is there to explain" in found.reason


@pytest.mark.parametrize("name", [ENERGY, GAP])
@pytest.mark.parametrize("crystal", ["rock_salt", "wurtzite", "triclinic"])
def test_explanations_of_typical_crystals_pass(explainer, crystals, crystal, name) -> None:
    found = explainer(crystals[crystal], name, 0).faithfulness
    assert found.is_faithful, found
    assert found.deletion + found.insertion > found.random_deletion + found.random_insertion


@pytest.mark.parametrize("crystal", ["perovskite", "triclinic"])
def test_noise_in_the_place_of_contributions_fails_and_says_so(ablated, crystals, crystal) -> None:
    crystal = ablated(crystals[crystal])
    true = integrated_gradients(crystal, 1.0)
    assert verdict_of(crystal, true).is_faithful
    generator = np.random.default_rng(5)
    noise = [
        Attribution(
            true.values,
            true.baselines,
            *(np.broadcast_to(generator.normal(size=part.shape[1]), part.shape) for part in (true.nodes, true.edges)),
            true.n_steps,
        )
        for _ in range(6)
    ]
    verdicts = [verdict_of(crystal, one) for one in noise]
    assert sum(verdict.is_faithful for verdict in verdicts) <= 2
    assert all(verdict.reason for verdict in verdicts if not verdict.is_faithful)
    backwards = Attribution(true.values, true.baselines, -true.nodes, -true.edges, true.n_steps)
    assert not verdict_of(crystal, backwards).is_faithful
