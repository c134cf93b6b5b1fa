"""Intervals that are corrected by what became of earlier ones."""

import numpy as np
import pytest
from campaign_worlds import make_world

from epitaxy_models.campaigns import Knowledge, Objective, Planner, Prediction, Prequential
from epitaxy_models.campaigns.front import hypervolume
from epitaxy_models.campaigns.intervals import IntervalScale

MAXIMUM = Objective.parse("y:max", "eV")


def entry(standing: float, result: float, value: float = 0.0) -> Prediction:
    return Prediction("y", 1, value, -1.0, 1.0, standing, z_value=value, z_std=1.0, result=result)


def test_coverage_of_the_pool_weighs_standings_by_their_share_of_the_pool() -> None:
    top = [entry(0.99, 5.0)] * 8 + [entry(0.99, 0.0)] * 2
    rest = [entry(standing, 0.0) for standing in (0.2, 0.7, 0.9)]
    found = Prequential((*top, *rest)).coverage("y")
    assert found.chosen == pytest.approx(5 / 13)
    assert found.pool == pytest.approx(0.95 + 0.05 * 0.2)
    assert np.isnan(Prequential(tuple(top)).coverage("y").pool)
    assert Prequential().coverage("y").n == 0


def test_a_record_survives_json_and_takes_the_first_result_only() -> None:
    record = Prequential().adding([Prediction("y", 3, 1.0, 0.0, 2.0, 0.5)]).with_result("y", 3, 1.5)
    again = Prequential(tuple(Prediction.from_json(one.as_json()) for one in record.predictions))
    assert again == record
    assert again.with_result("y", 3, 9.0).judged("y")[0].result == 1.5
    assert record.coverage("y").bias == pytest.approx(-0.5)


def test_intervals_hold_nine_in_ten_of_the_candidates_that_nobody_chose() -> None:
    inside, n = 0, 0
    for seed in range(12):
        world = make_world(120, seed)
        known = Knowledge(np.arange(40), {"y": world.values[:40]})
        planner = Planner(world.pool, [MAXIMUM])
        [estimate] = planner.estimates(known)
        means, stds = estimate.process.marginals(np.arange(40, 120))
        reach = estimate.intervals.factor * estimate.reading_std(stds**2)
        inside += int((np.abs(world.values[40:] - means) <= reach).sum())
        n += 80
    assert 0.84 < inside / n < 0.97


def test_predictions_that_failed_widen_the_next_intervals() -> None:
    world = make_world(120, 0)
    known = Knowledge(np.arange(40), {"y": world.values[:40]})
    [estimate] = Planner(world.pool, [MAXIMUM]).estimates(known)
    wrong = [entry(1.0, 4.0)] * 40
    found = IntervalScale.of(estimate.process, wrong, np.full(40, 4.0))
    assert found.factor == pytest.approx(4.0)
    assert found.n_left_out == 0
    assert estimate.intervals.factor < 3


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
def test_hypervolume_agrees_with_botorchs(n_objectives: int) -> None:
    torch = pytest.importorskip("torch")
    from botorch.utils.multi_objective.hypervolume import Hypervolume
    from botorch.utils.multi_objective.pareto import is_non_dominated

    points = np.random.default_rng(n_objectives).normal(size=(40, n_objectives))
    reference = np.full(n_objectives, -1.0)
    if n_objectives == 1:
        assert hypervolume(points, reference) == pytest.approx(points.max() + 1)
        return
    found = torch.from_numpy(points)
    expected = Hypervolume(torch.from_numpy(reference)).compute(found[is_non_dominated(found)])
    assert hypervolume(points, reference) == pytest.approx(expected)
