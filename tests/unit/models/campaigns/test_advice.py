"""When to go on, and when to stop."""

import numpy as np
import pytest
from campaign_worlds import World

from epitaxy_models.campaigns import Knowledge, Objective, Planner, advise

MAXIMUM = Objective.parse("y:max", "eV")
FIRST = np.random.default_rng(1).permutation(150)[:15]


def test_early_on_better_ones_are_left_and_at_the_end_none(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM])
    known = world.measured(FIRST)
    early = advise(planner, known, planner.recommend(known, 5))
    assert early.chance_better > 0.9
    assert early.expected_gain > 0.3
    assert early.go_on
    late = world.measured(np.sort(np.argsort(-world.values)[:80]))
    after = advise(planner, late, planner.recommend(late, 5), margin={"y": 0.5})
    assert after.chance_better < 0.05
    assert after.expected_gain < 0.1
    assert not after.go_on
    assert "chance that something better is left" in after.reason


def test_what_counts_as_better_is_a_tenth_of_the_spread_about_the_best(world: World) -> None:
    known = world.measured(FIRST)
    found = advise(Planner(world.pool, [MAXIMUM]), known)
    assert found.margin["y"] == pytest.approx(0.1 * world.values[FIRST].std(), rel=1e-6)

    decades = World(world.pool, 10.0 ** (world.values / 2))
    high, low = (
        advise(Planner(world.pool, [Objective.parse(f"y:{goal}", "1")]), decades.measured(FIRST))
        for goal in ("max", "min")
    )
    step = 10 ** (0.05 * world.values[FIRST].std())
    assert high.margin["y"] == pytest.approx(decades.values[FIRST].max() * (step - 1 / step) / 2, rel=1e-6)
    assert low.margin["y"] == pytest.approx(decades.values[FIRST].min() * (step - 1 / step) / 2, rel=1e-6)


def test_costs_against_what_a_unit_is_worth_decide(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM])
    known = world.measured(FIRST, costs=np.full(150, 10.0))
    batch = planner.recommend(known, 5)
    cheap, dear = (advise(planner, known, batch, worth=worth) for worth in (1e4, 1e-4))
    assert cheap.batch_cost == 50.0
    assert cheap.go_on
    assert not dear.go_on


def test_a_pool_without_open_candidates_is_at_its_end(world: World) -> None:
    everything = world.measured(np.arange(150))
    found = advise(Planner(world.pool, [MAXIMUM]), everything)
    assert not found.go_on
    assert found.reason == "no candidate is open"
    assert found.best[0].candidate == int(np.argmax(world.values))


def test_before_a_model_the_best_reading_is_known_and_chances_are_not(world: World) -> None:
    found = advise(Planner(world.pool, [MAXIMUM]), world.measured(FIRST[:3]))
    assert np.isnan(found.chance_better)
    assert found.go_on
    assert found.best[0].candidate == FIRST[:3][np.argmax(world.values[FIRST[:3]])]
    assert advise(Planner(world.pool, [MAXIMUM]), Knowledge()).best == ()


def test_several_objectives_have_a_front_and_a_gain_of_volume(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM, Objective.parse("z:max", "eV")])
    other = -world.values + world.pool.blocks["embedding"][:, 2]
    known = Knowledge(FIRST, {"y": world.values[FIRST], "z": other[FIRST]})
    found = advise(planner, known, planner.recommend(known, 5))
    assert len(found.best) > 1
    assert found.expected_gain > 0
    assert 0 <= found.chance_better <= 1
