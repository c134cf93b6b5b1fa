"""What was read of a structure is kept: it comes again without graph and embedding, and the answer is the same."""

import numpy as np
from prediction_rig import assert_equal_predictions, hits, rock_salt, supercell

from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.ports import CacheTier, Stage
from epitaxy_models.structures import Structure

ROOM = 2**20


def no_store():
    """A store that holds nothing, so that only readings can hit."""
    return TieredEmbeddings(0, None)


async def test_a_structure_that_comes_again_needs_no_embedding(rig, crystals):
    subject = rig(no_store(), readings_bytes=ROOM)
    cold = await subject.evaluate(crystals)
    stages = dict(subject.metrics.stages)
    warm = await subject.evaluate(crystals)
    assert hits(warm) == [True] * 40
    assert_equal_predictions(cold, warm)
    assert cold.reviews == warm.reviews
    assert len(subject.backend.embedded) == 40
    assert {stage for stage in Stage if subject.metrics.stages[stage] > stages.get(stage, 0)} == {
        Stage.PARSE,
        Stage.READOUT,
    }
    assert subject.metrics.lookups[CacheTier.LOCAL] == 40


async def test_a_kept_reading_answers_another_coverage_as_an_embedding_does(rig, crystals):
    subject = rig(no_store(), readings_bytes=ROOM)
    await subject.evaluate(crystals)
    warm = await subject.evaluate(crystals, coverage=0.6)
    assert_equal_predictions(warm, await rig().evaluate(crystals, coverage=0.6))


async def test_kept_and_new_structures_of_a_block_keep_their_rows(rig, crystals):
    subject = rig(no_store(), readings_bytes=ROOM)
    await subject.evaluate(crystals[:4:2])
    bad = Structure(np.eye(3), np.array([1, 1], dtype=np.uint8), np.zeros((2, 3)))
    block = await subject.evaluate([*crystals[:2], bad, *crystals[2:4], crystals[0]])
    assert [answer.row for answer in block.answers] == [0, 1, -1, 2, 3, 4]
    assert [answer.is_cache_hit for answer in block.answers] == [True, False, False, True, False, True]
    expected = (await rig().evaluate([*crystals[:4], crystals[0]])).prediction
    np.testing.assert_allclose(block.prediction.values, expected.values, atol=2e-4)


async def test_bypassing_the_cache_reads_no_reading(rig, crystals):
    subject = rig(no_store(), readings_bytes=ROOM)
    await subject.evaluate(crystals[:3])
    assert hits(await subject.evaluate(crystals[:3], bypass_cache=True)) == [False] * 3
    assert len(subject.backend.embedded) == 6


async def test_another_cell_of_a_crystal_has_a_reading_of_its_own(rig):
    # Its density and contacts are equal, but its check may differ: only the very same input is known without a graph.
    subject = rig(readings_bytes=ROOM)
    await subject.evaluate([rock_salt()])
    n_graphs = subject.metrics.stages[Stage.GRAPH]
    assert hits(await subject.evaluate([supercell(rock_salt(), 2)])) == [True]
    assert subject.metrics.stages[Stage.GRAPH] == n_graphs + 1


async def test_readings_are_bounded_by_bytes(rig, crystals):
    subject = rig(no_store(), readings_bytes=5000)
    await subject.evaluate(crystals)
    assert sum(hits(await subject.evaluate(crystals[::-1]))) == 5
