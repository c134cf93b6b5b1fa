"""Noise: repeats and stated deviations, and which candidate is the best under it."""

import numpy as np
import pytest
from campaign_worlds import World

from epitaxy_models.campaigns import Knowledge, Objective, Planner, advise
from epitaxy_models.campaigns.readings import Readings
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

PLAIN, LOGARITHM = TargetTransform(TransformKind.NONE), TargetTransform(TransformKind.LOG10)
MAXIMUM = Objective.parse("y:max", "eV")
NONE = np.full(6, np.nan)


def test_repeats_tell_the_noise() -> None:
    generator = np.random.default_rng(0)
    candidates = np.repeat(np.arange(200), 3)
    values = np.repeat(generator.normal(size=200) * 5, 3) + 0.3 * generator.normal(size=600)
    found = Readings.of(candidates, values, np.full(600, np.nan), PLAIN)
    assert found.is_noise_known
    assert np.sqrt(found.typical_noise) == pytest.approx(0.3, rel=0.1)
    assert found.noise == pytest.approx(np.full(200, found.typical_noise / 3))


def test_stated_deviations_weigh_readings() -> None:
    found = Readings.of(np.array([4, 4, 2]), np.array([1.0, 2.0, 5.0]), np.array([0.1, 10.0, 0.2]), PLAIN)
    assert found.candidates.tolist() == [2, 4]
    assert found.values[1] == pytest.approx(1.0, abs=1e-3)
    assert np.sqrt(found.noise) == pytest.approx([0.2, 0.1], rel=1e-3)


def test_deviations_follow_the_scale_of_the_fit() -> None:
    found = Readings.of(np.arange(2), np.array([1.0, 100.0]), np.array([0.1, 10.0]), LOGARITHM)
    assert np.sqrt(found.noise) == pytest.approx(np.full(2, 0.1 / np.log(10)))


def test_single_readings_leave_the_noise_unknown() -> None:
    found = Readings.of(np.arange(6), np.arange(6.0), NONE, PLAIN)
    assert not found.is_noise_known
    assert not found.noise.any()


def test_the_best_is_the_posteriors_and_not_the_luckiest_reading(world: World) -> None:
    order = np.argsort(-world.values)
    candidates = np.sort(np.concatenate([order[:3], order[40:140:5]]))
    lucky = int(order[40])
    values, stds = world.values[candidates].copy(), np.full(len(candidates), 0.1)
    values[candidates == lucky] = world.values.max() + 1
    stds[candidates == lucky] = 8.0
    known = Knowledge(candidates, {"y": values}, {"y": stds})
    [best] = advise(Planner(world.pool, [MAXIMUM]), known).best
    assert best.candidate in order[:3]
    assert best.values["y"] < values.max()


def test_replicates_are_advised_where_noise_decides(world: World) -> None:
    order = np.argsort(-world.values)
    candidates = np.sort(np.concatenate([order[:4], order[20::9]]))
    noise = 1.5 * np.random.default_rng(3).normal(size=len(candidates))
    noisy = Knowledge(candidates, {"y": world.values[candidates] + noise}, {"y": np.full(len(candidates), 1.5)})
    exact = Knowledge(candidates, {"y": world.values[candidates]}, {"y": np.full(len(candidates), 1e-3)})
    assert len(advise(Planner(world.pool, [MAXIMUM]), noisy).replicates) > 1
    assert advise(Planner(world.pool, [MAXIMUM]), exact).replicates == ()
