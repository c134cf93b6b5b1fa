"""Finished data sets played again."""

import numpy as np
import pytest
from campaign_worlds import World

from epitaxy_models.campaigns import History, Objective, simulate
from epitaxy_models.errors import ConfigurationError

MAXIMUM = Objective.parse("y:max", "eV")


def test_the_default_finds_what_random_choice_does_not(world: World) -> None:
    history = History(world.pool, {"y": world.values}, [MAXIMUM])
    found = simulate(history, ["default", "random"], batch=5, budget=30, seeds=2, at=(30,))
    assert found["default"].recall[30] == 1.0
    assert found["default"].recall[30] > found["random"].recall[30]
    assert found["default"].enhancement[30] == pytest.approx(5.0)
    assert found["default"].labels_to_first <= 30
    again = simulate(history, ["default"], batch=5, budget=30, seeds=2, at=(30,))
    assert again["default"] == found["default"]


def test_the_best_are_one_in_a_hundred_rounded_up(world: World) -> None:
    history = History(world.pool, {"y": world.values}, [MAXIMUM])
    assert set(np.flatnonzero(history.is_best())) == set(np.argsort(-world.values)[:2])


def test_several_objectives_tell_the_share_of_the_hypervolume(world: World) -> None:
    other = -world.values + world.pool.blocks["embedding"][:, 2]
    history = History(world.pool, {"y": world.values, "z": other}, [MAXIMUM, Objective.parse("z:max", "eV")])
    found = simulate(history, ["random"], budget=150, seeds=1, at=(20, 150))
    assert found["random"].hypervolume[150] == pytest.approx(1.0)
    assert found["random"].hypervolume[20] < 1.0


def test_unknown_strategies_and_holes_are_refused(world: World) -> None:
    history = History(world.pool, {"y": world.values}, [MAXIMUM])
    with pytest.raises(ConfigurationError, match="no strategy 'best'"):
        simulate(history, ["best"])
    with pytest.raises(ConfigurationError, match="not known of every row"):
        History(world.pool, {"y": np.append(world.values[1:], np.nan)}, [MAXIMUM])
