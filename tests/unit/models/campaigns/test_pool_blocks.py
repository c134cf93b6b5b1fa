"""Pools in memory and in files."""

from pathlib import Path

import numpy as np
import pytest
from campaign_worlds import World

from epitaxy_models.campaigns import Knowledge, Objective, Planner, PoolBlocks, PoolWriter
from epitaxy_models.campaigns.short_list import _largest
from epitaxy_models.errors import CheckpointError, ConfigurationError

FIRST = np.random.default_rng(1).permutation(150)[:15]


def test_a_pool_in_files_gives_the_same_batch_as_one_in_memory(world: World, tmp_path: Path) -> None:
    world.pool.write(tmp_path / "pool")
    stored = PoolBlocks.read(tmp_path / "pool")
    objective = Objective.parse("y:max", "eV")
    batches = [
        [choice.candidate for choice in Planner(pool, [objective]).recommend(world.measured(FIRST), 5)]
        for pool in (world.pool, stored)
    ]
    assert batches[0] == batches[1]


def test_a_writer_takes_pieces_in_any_order_and_again(world: World, tmp_path: Path) -> None:
    blocks = {"low_fidelity/gap": world.pool.blocks["embedding"][:], "embedding": world.pool.blocks["descriptors"][:]}
    for start in (100, 0, 50, 0):
        # Each piece by a writer of its own, as after a restart.
        piece = {name: block[start : start + 50] for name, block in blocks.items()}
        PoolWriter(tmp_path, 150).put(start, piece)
    PoolWriter(tmp_path, 150).finish()
    found = PoolBlocks.read(tmp_path)
    assert set(found.blocks) == set(blocks)
    for name, block in blocks.items():
        assert np.allclose(found.blocks[name][:], block, atol=1e-6)


def test_what_is_no_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="as many rows"):
        PoolBlocks.of({"a": np.zeros((3, 1)), "b": np.zeros((4, 1))})
    with pytest.raises(ConfigurationError, match="at least one"):
        PoolBlocks.of({"a": np.zeros((0, 1))})
    with pytest.raises(ConfigurationError, match="candidate 2 is not finite"):
        PoolBlocks.of({"a": np.array([[0.0], [1.0], [np.nan]])})
    with pytest.raises(ConfigurationError, match="candidate 7 is not finite"):
        PoolWriter(tmp_path / "w", 9).put(7, {"a": np.array([[np.inf]])})
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no blocks"):
        PoolBlocks.read(tmp_path / "empty")


def test_a_damaged_pool_is_refused(world: World, tmp_path: Path) -> None:
    world.pool.write(tmp_path)
    (tmp_path / "embedding.npy").write_bytes(b"no array")
    with pytest.raises(CheckpointError, match="no block of a pool"):
        PoolBlocks.read(tmp_path)


def test_the_cut_of_a_large_pool_keeps_the_best_and_breaks_ties_by_number() -> None:
    assert _largest(np.array([1.0, 3.0, 2.0, 3.0, 2.0, 2.0]), 4).tolist() == [1, 3, 2, 4]
    assert _largest(np.array([1.0, 3.0]), 4).tolist() == [0, 1]


def test_a_cheap_bound_is_never_below_the_deviation(world: World) -> None:
    [estimate] = Planner(world.pool, [Objective.parse("y:max", "eV")]).estimates(world.measured(FIRST))
    means, stds = estimate.process.marginals()
    same, bounds = estimate.process.marginals(is_cheap=True)
    assert np.allclose(means, same)
    assert (bounds >= stds - 1e-9).all()


def test_a_large_pool_is_cut_without_losing_the_best(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    objective, known = Objective.parse("y:max", "eV"), world.measured(FIRST)
    whole = [choice.candidate for choice in Planner(world.pool, [objective]).recommend(known, 5)]
    monkeypatch.setattr("epitaxy_models.campaigns.short_list._N_EXACT", 50)
    monkeypatch.setattr("epitaxy_models.campaigns.short_list._N_KEPT", 40)
    cut = [choice.candidate for choice in Planner(world.pool, [objective]).recommend(known, 5)]
    assert set(cut[:2]) <= set(whole)
    assert Knowledge().open(3).tolist() == [0, 1, 2]
