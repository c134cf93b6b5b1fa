"""Choices: what is found, what is never proposed, and that nothing depends on anything but knowledge and seed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from campaign_worlds import World, make_world

from epitaxy_models.campaigns import (
    AcquisitionName,
    HeadAnswer,
    Knowledge,
    Limit,
    Objective,
    Planner,
    PoolBlocks,
    Start,
    StartName,
)
from epitaxy_models.campaigns.rivalry import Speaker
from epitaxy_models.errors import ConfigurationError

MAXIMUM = Objective.parse("y:max", "eV")
FIRST = np.random.default_rng(1).permutation(150)[:15]


def run(world: World, planner: Planner, budget: int) -> np.ndarray:
    done = np.empty(0, dtype=np.int64)
    while len(done) < budget:
        chosen = planner.recommend(world.measured(done), 5)
        done = np.concatenate([done, [choice.candidate for choice in chosen]]).astype(np.int64)
    return done


def test_finds_the_best_of_a_smooth_function_in_a_fifth_of_the_pool(world: World) -> None:
    done = run(world, Planner(world.pool, [MAXIMUM]), 30)
    assert len(set(done)) == 30
    assert set(np.argsort(-world.values)[:3]) <= set(done)


@pytest.mark.parametrize("name", list(AcquisitionName))
def test_every_acquisition_gives_a_batch_of_open_candidates_and_the_same_again(
    world: World, name: AcquisitionName
) -> None:
    known = world.measured(FIRST, pending=np.array([3, 4]))
    batches = [
        [choice.candidate for choice in Planner(world.pool, [MAXIMUM], acquisition=name, seed=7).recommend(known, 6)]
        for _ in range(2)
    ]
    assert batches[0] == batches[1]
    assert len(set(batches[0])) == 6
    assert not set(batches[0]) & {*FIRST.tolist(), 3, 4}


@pytest.mark.parametrize("name", [AcquisitionName.AUTO, AcquisitionName.UPPER_BOUND, AcquisitionName.THOMPSON])
def test_several_objectives_give_a_batch(world: World, name: AcquisitionName) -> None:
    other = world.pool.blocks["embedding"][FIRST, 2]
    known = Knowledge(FIRST, {"y": world.values[FIRST], "z": other})
    planner = Planner(world.pool, [MAXIMUM, Objective.parse("z:min", "eV")], acquisition=name)
    batch = planner.recommend(known, 4)
    assert len({choice.candidate for choice in batch}) == 4
    assert set(batch[0].values) == {"y", "z"}


def test_what_is_pending_changes_the_rest_of_the_batch_as_if_it_were_chosen(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM], acquisition=AcquisitionName.UNCERTAINTY)
    first, second = (choice.candidate for choice in planner.recommend(world.measured(FIRST), 2))
    [after] = planner.recommend(world.measured(FIRST, pending=np.array([first])), 1)
    assert after.candidate == second


def test_a_state_and_a_log_give_the_same_batches(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM])
    batches, known, done = [], [], FIRST
    for _ in range(3):
        state = json.loads(json.dumps(planner.state()))
        known.append((state, world.measured(done)))
        batches.append(planner.recommend(known[-1][1], 5))
        done = np.concatenate([done, [choice.candidate for choice in batches[-1]]])
    for (state, then), batch in zip(known, batches, strict=True):
        again = Planner(world.pool, [MAXIMUM])
        again.restore(state)
        assert again.recommend(then, 5) == batch


def test_copies_rules_and_failures_close_candidates(world: World) -> None:
    groups = np.arange(150)
    groups[10] = groups[int(FIRST[0])]
    allowed = np.zeros(150, dtype=bool)
    allowed[[10, 20, 30, 40, int(FIRST[1])]] = True
    known = world.measured(FIRST, groups=groups, allowed=allowed, failed=np.array([20]))
    chosen = {choice.candidate for choice in Planner(world.pool, [MAXIMUM]).recommend(known, 9)}
    assert chosen == {30, 40} - set(FIRST.tolist())


def test_a_batch_holds_one_of_each_group_of_copies() -> None:
    world = make_world()
    twins = PoolBlocks.of({name: np.repeat(block, 2, axis=0) for name, block in world.pool.blocks.items()})
    values, groups = np.repeat(world.values, 2), np.repeat(np.arange(150), 2)
    for n_known in (0, 15):
        known = Knowledge(2 * FIRST[:n_known], {"y": values[2 * FIRST[:n_known]]}, groups=groups)
        chosen = [choice.candidate for choice in Planner(twins, [MAXIMUM]).recommend(known, 10)]
        assert len({groups[number] for number in chosen}) == 10


def test_costs_decide_between_equals() -> None:
    world = make_world()
    twins = PoolBlocks.of({name: np.repeat(block, 2, axis=0) for name, block in world.pool.blocks.items()})
    values, costs = np.repeat(world.values, 2), np.tile([50.0, 1.0], 150)
    for name in (AcquisitionName.AUTO, AcquisitionName.EXPECTED_IMPROVEMENT, AcquisitionName.GREEDY):
        known = Knowledge(2 * FIRST, {"y": values[2 * FIRST]}, costs=costs, groups=None)
        chosen = Planner(twins, [MAXIMUM], acquisition=name).recommend(known, 3)
        assert all(choice.candidate % 2 == 1 for choice in chosen), name


def test_failures_lower_the_chance_of_what_is_alike_and_move_the_choice(world: World) -> None:
    embedding = world.pool.blocks["embedding"]
    planner = Planner(world.pool, [MAXIMUM])
    [before] = planner.recommend(world.measured(FIRST), 1)
    others = np.setdiff1d(np.arange(150), [*FIRST, before.candidate])
    near = others[np.argsort(((embedding[others] - embedding[before.candidate]) ** 2).sum(axis=1))[:4]]
    known = world.measured(FIRST, failed=np.repeat(near, 2))
    chances = {choice.candidate: choice.success for choice in planner.recommend(known, 40)}
    assert before.success == 1.0
    assert chances[before.candidate] < np.median(list(chances.values()))


def test_a_measured_limit_weighs_the_choice(world: World) -> None:
    held = np.where(world.values > 3, 2.0, 0.0)
    known = Knowledge(FIRST, {"y": world.values[FIRST], "hull": world.values[FIRST]})
    limited = Planner(world.pool, [MAXIMUM], limits=[Limit.parse("hull<3")])
    free = Planner(world.pool, [MAXIMUM])
    chosen, others = ([c.candidate for c in one.recommend(known, 5)] for one in (limited, free))
    assert held[chosen].mean() < held[others].mean()


@pytest.mark.parametrize("goal", ["match:1", "band:0.8:1.2"])
def test_a_value_in_the_middle_is_found(world: World, goal: str) -> None:
    objective = Objective.parse(f"y:{goal}", "eV")
    done = run(world, Planner(world.pool, [objective]), 30)
    chosen, anywhere = (np.median(-objective.utility(values)) for values in (world.values[done[10:]], world.values))
    assert chosen < 0.5 * anywhere


def test_an_objective_may_change_midway(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM])
    planner.recommend(world.measured(FIRST), 5)
    planner.objectives = [Objective.parse("y:min", "eV")]
    chosen = [choice.candidate for choice in planner.recommend(world.measured(FIRST), 5)]
    assert world.values[chosen].mean() < np.quantile(world.values, 0.2)


def test_a_head_that_misleads_falls_silent_and_the_report_says_since_when(world: World) -> None:
    heads = {"y": HeadAnswer("a head that misleads", 5 * np.random.default_rng(6).normal(size=150))}
    planner = Planner(world.pool, [MAXIMUM], heads=heads)
    planner.recommend(world.measured(FIRST), 5)
    assert planner.beliefs["y"].speaker is Speaker.TRANSFERRED
    assert planner.beliefs["y"].since == 15


def test_blocks_that_mislead_leave_the_choice_to_descriptors() -> None:
    generator = np.random.default_rng(2)
    descriptors, embedding = generator.normal(size=(150, 2)), generator.normal(size=(150, 60))
    pool = PoolBlocks.of({"descriptors": descriptors, "embedding": embedding})
    values = descriptors[:, 0] + np.sin(3 * descriptors[:, 1])
    planner = Planner(pool, [MAXIMUM])
    choice = planner.recommend(Knowledge(np.arange(40), {"y": values[:40]}), 1)[0]
    assert choice.blocks["descriptors"] > 0.8


def test_results_without_a_pattern_are_spread_over_the_pool(world: World) -> None:
    spike = np.zeros(60)
    spike[::20] = [1.0, -1.0, 1.0]
    planner = Planner(world.pool, [MAXIMUM])
    known = Knowledge(np.arange(60), {"y": np.random.default_rng(5).permutation(spike)})
    for _ in range(2):
        batch = planner.recommend(known, 5)
    if planner.beliefs["y"].speaker is Speaker.MEAN:
        assert all("spread over the pool" in choice.reason for choice in batch)
    assert len(batch) == 5


def test_a_head_that_is_right_speaks_and_starts(world: World) -> None:
    heads = {"y": HeadAnswer("head", world.values + 0.1)}
    planner = Planner(world.pool, [MAXIMUM], heads=heads)
    first = [choice.candidate for choice in planner.recommend(world.measured(np.empty(0, dtype=np.int64)), 5)]
    assert first == np.argsort(-world.values, kind="stable")[:5].tolist()
    assert set(first) <= set(run(world, planner, 20)[:5])
    assert planner.beliefs["y"].speaker in {Speaker.HEAD, Speaker.ANCHORED}


def test_a_head_that_results_contradict_makes_half_of_the_start(world: World) -> None:
    heads = {"y": HeadAnswer("head", -world.values)}
    planner = Planner(world.pool, [MAXIMUM], heads=heads)
    first = np.array([choice.candidate for choice in planner.recommend(world.measured(FIRST[:0]), 5)])
    second = planner.recommend(world.measured(first), 5)
    assert 0 < sum(choice.exploitation for choice in second) < 5


@pytest.mark.parametrize("name", list(StartName))
def test_every_start_is_deterministic_and_distinct(world: World, name: StartName) -> None:
    start = Start(name, scores=world.values)
    known = world.measured(np.empty(0, dtype=np.int64))
    batches = [[c.candidate for c in Planner(world.pool, [MAXIMUM], start).recommend(known, 8)] for _ in range(2)]
    assert batches[0] == batches[1]
    assert len(set(batches[0])) == 8


def test_a_diverse_start_spreads_more_than_a_random_one(world: World) -> None:
    rows = world.pool.rows(slice(None))["embedding"].astype(float)

    def least_distance(name: StartName) -> float:
        none = world.measured(np.empty(0, dtype=np.int64))
        chosen = [c.candidate for c in Planner(world.pool, [MAXIMUM], Start(name)).recommend(none, 10)]
        gaps = np.linalg.norm(rows[chosen][:, None] - rows[chosen], axis=2)
        return float(gaps[np.triu_indices(10, 1)].min())

    assert least_distance(StartName.DIVERSE) > least_distance(StartName.RANDOM)


def test_existing_labels_take_the_place_of_the_start(world: World) -> None:
    [choice] = Planner(world.pool, [MAXIMUM]).recommend(world.measured(FIRST), 1)
    assert choice.values
    assert choice.lower["y"] < choice.values["y"] < choice.upper["y"]


def test_an_explanation_adds_up(world: World) -> None:
    for choice in Planner(world.pool, [MAXIMUM]).recommend(world.measured(FIRST), 5):
        assert choice.exploitation + choice.exploration == pytest.approx(1)
        assert sum(choice.blocks.values()) == pytest.approx(1)
        assert choice.blocks["embedding"] > choice.blocks["descriptors"]
        assert {entry.candidate for entry in choice.nearest} <= set(FIRST.tolist())
        distances = [entry.distance for entry in choice.nearest]
        assert distances == sorted(distances)


def test_labels_without_spread_one_candidate_and_constant_blocks_are_no_trouble() -> None:
    generator = np.random.default_rng(0)
    blocks = {"embedding": generator.normal(size=(30, 3)), "descriptors": np.ones((30, 2))}
    pool, done = PoolBlocks.of(blocks), np.arange(12)
    assert len(Planner(pool, [MAXIMUM]).recommend(Knowledge(done, {"y": np.ones(12)}), 4)) == 4
    flat = PoolBlocks.of({"embedding": np.ones((30, 3))})
    assert len(Planner(flat, [MAXIMUM]).recommend(Knowledge(done, {"y": generator.normal(size=12)}), 4)) == 4
    one = PoolBlocks.of({"embedding": np.ones((1, 3))})
    assert [c.candidate for c in Planner(one, [MAXIMUM]).recommend(Knowledge(), 3)] == [0]
    assert Planner(one, [MAXIMUM]).recommend(Knowledge(np.array([0]), {"y": np.ones(1)}), 3) == []


def test_ties_go_to_the_lowest_number() -> None:
    pool = PoolBlocks.of({"embedding": np.zeros((40, 2))})
    known = Knowledge(np.arange(12), {"y": np.arange(12.0)})
    planner = Planner(pool, [MAXIMUM], acquisition=AcquisitionName.PROBABILITY)
    planner.recommend(known, 1)
    planner.beliefs["y"] = replace(planner.beliefs["y"], speaker=Speaker.TRANSFERRED)
    assert [choice.candidate for choice in planner.recommend(known, 3)] == [12, 13, 14]


def test_knowledge_of_another_pool_is_refused(world: World) -> None:
    planner = Planner(world.pool, [MAXIMUM])
    with pytest.raises(ConfigurationError, match="candidate's number"):
        planner.recommend(Knowledge(np.array([150]), {"y": np.ones(1)}), 1)
    with pytest.raises(ConfigurationError, match="infinite"):
        Knowledge(np.array([1]), {"y": np.array([np.inf])})
    with pytest.raises(ConfigurationError, match="costs"):
        Knowledge(costs=np.zeros(150))
    with pytest.raises(ConfigurationError, match="one to three objectives"):
        Planner(world.pool, [MAXIMUM, replace(MAXIMUM)])


def test_a_head_that_only_ranks_has_one_choice_in_five_as_long_as_results_agree(world: World) -> None:
    def by_head(scores: np.ndarray, **more: object) -> list[int]:
        heads = {"y": HeadAnswer("a relation", scores, states_value=False)}
        batch = Planner(world.pool, [MAXIMUM], heads=heads).recommend(world.measured(FIRST, **more), 5)
        assert len({choice.candidate for choice in batch}) == 5
        return [choice.candidate for choice in batch if "one choice in five" in choice.reason]

    ranks = np.exp(world.values)
    open_ones = np.setdiff1d(np.arange(150), FIRST)
    assert by_head(ranks) == [int(open_ones[np.argmax(ranks[open_ones])])]
    assert by_head(-ranks) == []
    # A rank knows nothing of costs.
    assert by_head(ranks, costs=np.ones(150)) == []


def test_each_of_several_objectives_has_one_choice_in_five(world: World) -> None:
    other = -world.values + 0.1 * world.pool.blocks["embedding"][:, 2]
    known = Knowledge(FIRST, {"y": world.values[FIRST], "z": other[FIRST]})
    planner = Planner(world.pool, [MAXIMUM, Objective.parse("z:max", "eV")])
    chosen = [choice.candidate for choice in planner.recommend(known, 5)]
    assert len(set(chosen)) == 5
    assert world.values[chosen].max() > np.quantile(world.values, 0.9)
    assert other[chosen].max() > np.quantile(other, 0.9)
