"""Campaigns of materials without a crystal under conditions: finished sets, and what the process makes of them."""

import json

import numpy as np
import pytest

from epitaxy_models.campaigns import Knowledge, Objective, Planner, PoolBlocks, simulate
from epitaxy_models.campaigns.finished_materials import finished_material_history
from epitaxy_models.campaigns.nearness import squared_by_block
from epitaxy_models.campaigns.success import success_of
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer.conditions.blocks import condition_blocks
from epitaxy_models.transfer.conditions.condition import Condition, ConditionColumn
from epitaxy_models.transfer.inputs import COUNTS
from epitaxy_models.transfer.kinds.sample import Sample

STRENGTH = Objective.parse("strength:max", "MPa")
ALLOYS = [f"Ni{100 - share}Al{share}" for share in range(4, 60, 4)]
TEMPERATURES = (25.0, 800.0)


def sample(text: str) -> Sample:
    return Sample(MaterialKind.COMPOSITION, read_material(MaterialKind.COMPOSITION, text).material)


def history_of(texts: list[str], celsius: list[float], values: list[float]):
    conditions = {"t": ConditionColumn(np.array(celsius), "degC")}
    return finished_material_history(
        [sample(text) for text in texts], {"strength": np.array(values)}, [STRENGTH], conditions=conditions
    )


def test_rows_of_one_material_under_one_condition_are_one_candidate_with_their_mean() -> None:
    texts = [text for text in ALLOYS for _ in TEMPERATURES]
    celsius = [*TEMPERATURES] * len(ALLOYS)
    values = [float(row) for row in range(len(texts))]
    # The first alloy again, in another spelling, hot; and under a temperature of its own.
    history = history_of([*texts, "Al4Ni96", "Al1Ni24"], [*celsius, 800.0, 400.0], [*values, 100.0, 7.0])
    assert history.pool.n_candidates == len(texts) + 1
    assert history.values["strength"][[0, 1, -1]].tolist() == [0.0, (1.0 + 100.0) / 2, 7.0]
    assert {"condition/t", "pair_cells", "embedding"} <= set(history.pool.blocks)
    with pytest.raises(ConfigurationError, match="at least 20"):
        history_of(texts[:12], celsius[:12], values[:12])


def test_a_replay_tells_temperatures_apart() -> None:
    texts = [text for text in ALLOYS for _ in TEMPERATURES]
    # Only the cold ones are strong, whatever they are made of.
    celsius = [*TEMPERATURES] * len(ALLOYS)
    values = [(900.0 if t < 100 else 100.0) + number for number, t in enumerate(celsius)]
    found = simulate(history_of(texts, celsius, values), ["default"], batch=3, budget=15, seeds=1, at=(15,))
    assert found["default"].recall[15] == 1.0


@pytest.fixture
def pool() -> PoolBlocks:
    """Sixty candidates that a feature does not tell apart, under a number and a category."""
    generator = np.random.default_rng(0)
    words = np.array(["cast", "forged"] * 30, dtype=object)
    numbers = np.linspace(0, 1, 60)
    numbers[3] = np.nan
    learned = [Condition.learned("t", numbers, "K"), Condition.learned("route", words)]
    blocks = condition_blocks(learned, {"t": numbers, "route": words}, 60)
    counts = generator.integers(0, 3, (60, 8)).astype(float)
    return PoolBlocks.of({"embedding": generator.normal(size=(60, 3)), COUNTS: counts, **blocks})


def test_what_a_planner_keeps_of_conditions_reads_back(pool: PoolBlocks, tmp_path) -> None:
    truth = np.where(np.arange(60) % 2 == 0, 5.0, 1.0) + np.linspace(0, 1, 60)
    done = np.arange(0, 60, 4)
    known = Knowledge(np.concatenate([done, done + 1]), {"strength": truth[np.concatenate([done, done + 1])]})
    planner = Planner(pool, [STRENGTH])
    chosen = planner.recommend(known, 3)
    # Even rows are cast, which adds four, and the number adds up to one: nothing else matters.
    assert chosen[0].candidate == 58
    assert chosen[0].values["strength"] == pytest.approx(truth[58], abs=0.05)
    again = Planner(pool, [STRENGTH])
    again.restore(json.loads(json.dumps(planner.state())))
    assert [choice.candidate for choice in again.recommend(known, 3)] == [choice.candidate for choice in chosen]
    # Scales of conditions and counts keep their nature in a folder.
    pool.write(tmp_path)
    for name, rows in PoolBlocks.read(tmp_path).rows(slice(None)).items():
        np.testing.assert_allclose(rows, pool.rows(slice(None))[name], atol=1e-5)


def test_likeness_knows_counts_and_conditions(pool: PoolBlocks) -> None:
    rows = pool.rows(slice(None))
    own = np.diagonal(squared_by_block(COUNTS, rows, rows))
    np.testing.assert_allclose(own, 0.0, atol=1e-9)
    routes = squared_by_block("condition/route", rows, rows)
    assert routes[0, 2] == pytest.approx(0.0)
    assert routes[0, 1] == pytest.approx(2.0)
    # Failures of the cast make the cast doubtful, and not the forged.
    known = Knowledge(np.array([1, 3, 5, 7]), failed=np.array([0, 2, 4, 6]))
    chances = success_of(pool, known, np.arange(20, 40))
    assert chances[::2].max() < chances[1::2].min()
