"""Blocks of structures through the real network: every item ends in an answer or in its own refusal."""

import asyncio
import threading
import time

import numpy as np
import pytest
from prediction_rig import assert_equal_predictions, hits, poscar, rock_salt, rotated, supercell

from epitaxy.chassis.errors import DeadlineExceededError, OverloadedError, UnavailableError
from epitaxy.prediction import service as service_module
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.domain import Accepted, Item, Query, Refusal, TextSource
from epitaxy.prediction.intake import reader
from epitaxy.prediction.ports import CacheTier, Stage
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure, TextFormat, check_structure


class FailingBackend:
    """A backend that answers each graph, or the whole block, with this error."""

    def __init__(self, item_error=None, block_error=None):
        self._item_error, self._block_error = item_error, block_error

    async def embed(self, graphs):
        if self._block_error:
            raise self._block_error
        return [self._item_error for _ in graphs]


class OverflowingBackend:
    """A backend whose embeddings of some graphs overflowed."""

    def __init__(self, backend, overflows):
        self._backend, self._overflows = backend, overflows

    async def embed(self, graphs):
        results = await self._backend.embed(graphs)
        for graph, result in zip(graphs, results, strict=True):
            if self._overflows(graph):
                result[0, 0] = np.inf
        return results


async def test_an_empty_block_has_an_empty_answer(rig):
    block = await rig().evaluate([])
    assert block.answers == ()
    assert block.prediction.values.shape == (0, 3)


async def test_a_block_of_refusals_only_is_answered(rig):
    block = await rig().evaluate([Refusal("EMPTY_STRUCTURE", "none")] * 2)
    assert [answer.outcome.reason for answer in block.answers] == ["EMPTY_STRUCTURE"] * 2


async def test_answers_keep_ids_order_and_rows(rig, crystals):
    bad = Structure(np.eye(3), np.array([1, 1], dtype=np.uint8), np.zeros((2, 3)))
    mixed = [crystals[0], bad, crystals[1], bad, crystals[2]]
    items = [Item(f"item {index}", source) for index, source in enumerate(mixed)]
    subject = rig()
    block = await subject.service.evaluate(items, subject.query)
    assert [answer.id for answer in block.answers] == [item.id for item in items]
    assert [answer.row for answer in block.answers] == [0, -1, 1, -1, 2]
    assert_equal_predictions(block, await subject.evaluate(crystals[:3]))
    assert subject.metrics.outcomes == {("answered", ""): 6, ("refused", "OVERLAPPING_ATOMS"): 2}


async def test_an_answer_does_not_depend_on_its_neighbours(rig, crystals):
    together = (await rig().evaluate(crystals)).prediction
    for index in range(0, len(crystals), 5):
        alone = (await rig().evaluate([crystals[index]])).prediction
        for name in ("values", "epistemic_std", "aleatoric_std", "lower", "upper"):
            # Sums of float32 in another order; references of the elements are some eV.
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(together, name)[index], atol=2e-4, rtol=1e-4)
        assert alone.domains[0].verdict is together.domains[index].verdict


async def test_predictions_are_those_of_the_network_and_its_readout(rig, crystals, artifact, embedder):
    from epitaxy_models.ensembles.readout import CalibratedReadout

    graphs = [build_graph(check_structure(crystal).structure, artifact.card.rule) for crystal in crystals]
    expected = CalibratedReadout(artifact)(embedder(graphs), crystals, 0.8)
    block = await rig().evaluate(crystals, coverage=0.8)
    np.testing.assert_allclose(block.prediction.values, expected.values, atol=2e-4)
    np.testing.assert_allclose(block.prediction.upper, expected.upper, atol=5e-4)


async def test_an_element_that_no_training_crystal_had_is_refused_by_name(rig, artifact):
    assert 84 not in artifact.supported_elements()
    block = await rig().evaluate([rock_salt(11, 84), rock_salt()])
    refusal = block.answers[0].outcome
    assert (refusal.reason, refusal.is_retryable) == ("UNSUPPORTED_ELEMENT", False)
    assert "Po" in refusal.message
    assert isinstance(block.answers[1].outcome, Accepted)


async def test_wider_coverage_gives_wider_intervals_and_the_same_values(rig, crystals):
    subject = rig()
    narrow, wide = [await subject.evaluate(crystals, coverage=coverage) for coverage in (0.5, 0.99)]
    np.testing.assert_array_equal(narrow.prediction.values, wide.prediction.values)
    assert (narrow.prediction.lower >= wide.prediction.lower).all()
    assert (narrow.prediction.upper < wide.prediction.upper).all()
    with pytest.raises(ConfigurationError, match=r"between 0\.5 and 0\.99, got 0\.3"):
        await subject.evaluate(crystals, coverage=0.3)


async def test_equal_crystals_of_a_block_are_computed_once(rig):
    salt = rock_salt()
    subject = rig()
    block = await subject.evaluate([salt, poscar(salt), supercell(salt, 3), rotated(salt), rock_salt(19, 17), salt])
    assert len(subject.backend.embedded) == 2
    assert hits(block) == [False] * 6, "the backbone ran for each of them in this block"
    assert (np.ptp(block.prediction.values[[0, 1, 2, 3, 5]], axis=0) < 1e-6).all()
    assert abs(block.prediction.values[4] - block.prediction.values[0]).max() > 1e-3


async def test_another_cell_of_a_crystal_is_a_cache_hit(rig, crystals):
    subject = rig()
    first = await subject.evaluate(crystals[:10])
    others = [rotated(supercell(crystal, 2), seed) for seed, crystal in enumerate(crystals[:10])]
    again = await subject.evaluate(others)
    assert hits(again) == [True] * 10
    assert len(subject.backend.embedded) == 10
    np.testing.assert_allclose(first.prediction.values, again.prediction.values, atol=1e-6)


async def test_a_second_look_is_a_hit_with_the_same_answer_and_no_graph(rig, crystals):
    subject = rig()
    cold = await subject.evaluate(crystals)
    n_graphs = subject.metrics.stages[Stage.GRAPH]
    warm = await subject.evaluate(crystals)
    assert (hits(cold), hits(warm)) == ([False] * 40, [True] * 40)
    assert_equal_predictions(cold, warm)
    assert subject.metrics.stages[Stage.GRAPH] == n_graphs
    assert subject.metrics.lookups == {CacheTier.LOCAL: 40, CacheTier.SHARED: 0, CacheTier.MISS: 40}


async def test_bypassing_the_cache_computes_again_and_writes(rig, crystals):
    subject = rig()
    first = await subject.evaluate(crystals[:5], bypass_cache=True)
    second = await subject.evaluate(crystals[:5], bypass_cache=True)
    assert hits(second) == [False] * 5
    assert len(subject.backend.embedded) == 10
    warm = await subject.evaluate(crystals[:5])
    assert hits(warm) == [True] * 5
    assert_equal_predictions(first, second)
    assert_equal_predictions(second, warm)


async def test_an_evicted_embedding_is_computed_again_though_its_graph_key_survives(rig, crystals, artifact):
    shape = artifact.card.backbone
    room_for_two = 2 * 4 * shape.n_members * shape.embedding_width
    subject = rig(TieredEmbeddings(room_for_two, None))
    first = await subject.evaluate(crystals[:10])
    again = await subject.evaluate(crystals[:10])
    assert sum(hits(again)) == 2
    np.testing.assert_allclose(first.prediction.values, again.prediction.values, atol=1e-5)
    assert subject.metrics.lookups[CacheTier.MISS] == 10 + 8, "a lookup counts once"


async def test_embeddings_are_those_that_predictions_use(rig, crystals, artifact):
    subject = rig()
    answers, embeddings = await subject.service.embed([Item("a", crystals[0]), Item("b", Refusal("X", "no"))])
    shape = artifact.card.backbone
    assert embeddings.shape == (1, shape.n_members, shape.embedding_width)
    assert [answer.row for answer in answers] == [0, -1]
    assert hits(await subject.evaluate(crystals[:1])) == [True]


async def test_validation_reports_repairs_and_refusals_without_the_network(rig):
    shifted = Structure(rock_salt().lattice, rock_salt().atomic_numbers, rock_salt().frac_coords + 3.0)
    subject = rig()
    answers = await subject.service.validate([Item("a", shifted), Item("b", Refusal("X", "no"))])
    assert [repair.code for repair in answers[0].outcome.repairs] == ["WRAPPED_COORDINATES"]
    assert answers[1].outcome == Refusal("X", "no")
    assert subject.backend.embedded == []


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (
            ValueError("replica 10.0.0.7 said no"),
            Refusal("INTERNAL", "the service failed on this structure: report it", is_retryable=True),
        ),
        (DeadlineExceededError("too late"), Refusal("DEADLINE_EXCEEDED", "too late", is_retryable=True)),
        (OverloadedError("full"), Refusal("OVERLOADED", "full", is_retryable=True)),
    ],
)
async def test_an_item_that_the_backend_failed_on_may_be_sent_again(rig, error, refusal):
    store = TieredEmbeddings(2**20, None)
    subject = rig(store, FailingBackend(item_error=error))
    block = await subject.evaluate([rock_salt(), Refusal("X", "no")])
    assert [answer.outcome for answer in block.answers] == [refusal, Refusal("X", "no")]
    assert subject.metrics.outcomes == {("failed", refusal.reason): 1, ("refused", "X"): 1}
    assert hits(await rig(store).evaluate([rock_salt()])) == [False], "a failure must not be remembered"


@pytest.mark.parametrize("error", [OverloadedError("full"), UnavailableError("gone")])
async def test_an_overload_or_a_lost_backend_fails_the_call(rig, error):
    with pytest.raises(type(error), match=error.message):
        await rig(backend=FailingBackend(block_error=error)).evaluate([rock_salt()])


async def test_an_embedding_that_overflowed_is_neither_answered_nor_kept(rig, crystals):
    store = TieredEmbeddings(64 * 2**20, None)
    salt_key = build_graph(rock_salt()).key
    backend = OverflowingBackend(rig(store).backend, lambda graph: graph.key == salt_key)
    block = await rig(store, backend).evaluate([crystals[0], rock_salt(), crystals[1]])
    assert block.answers[1].outcome.reason == "INTERNAL"
    assert [answer.row for answer in block.answers] == [0, -1, 1]
    assert hits(await rig(store).evaluate([crystals[0], rock_salt()])) == [True, False]


@pytest.mark.parametrize(("module", "step"), [(reader, "check_structure"), (service_module, "build_graph")])
async def test_a_fault_of_ours_in_one_structure_spares_its_neighbours(rig, monkeypatch, module, step, caplog):
    real = getattr(module, step)

    def faulty(structure, *arguments):
        if 19 in structure.atomic_numbers:
            raise IndexError("out of bounds")
        return real(structure, *arguments)

    monkeypatch.setattr(module, step, faulty)
    block = await rig().evaluate([rock_salt(), rock_salt(19, 17), rock_salt(37, 17)])
    assert [answer.row for answer in block.answers] == [0, -1, 1]
    assert block.answers[1].outcome == Refusal(
        "INTERNAL", "the service failed on this structure: report it", is_retryable=True
    )
    assert "out of bounds" in caplog.text


async def test_an_atom_without_neighbours_is_answered(rig):
    lonely = Structure(np.eye(3) * 50.0, np.array([18], dtype=np.uint8), np.zeros((1, 3)))
    block = await rig().evaluate([lonely, rock_salt()])
    assert hits(block) == [False, False]
    assert np.isfinite(block.prediction.values).all()


async def test_blocks_at_the_same_time_do_not_mix(rig, crystals):
    subject = rig()
    apart = [await rig().evaluate(crystals[start : start + 8]) for start in range(0, 40, 8)]
    blocks = await asyncio.gather(*(subject.evaluate(crystals[start : start + 8]) for start in range(0, 40, 8)))
    for one, other in zip(apart, blocks, strict=True):
        np.testing.assert_allclose(one.prediction.values, other.prediction.values, atol=2e-4)


async def test_a_text_that_was_read_a_moment_ago_is_not_read_again(rig, monkeypatch):
    reads = []
    real = reader.read_text

    def counting(text, *arguments):
        reads.append(text)
        return real(text, *arguments)

    monkeypatch.setattr(reader, "read_text", counting)
    subject = rig().service
    poscar = "NaCl\n1.0\n0 2.82 2.82\n2.82 0 2.82\n2.82 2.82 0\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
    item = Item("salt", TextSource(TextFormat.POSCAR, poscar))
    first, again = [await subject.evaluate([item], Query((0,))) for _ in range(2)]
    assert len(reads) == 1
    assert (first.answers[0].is_cache_hit, again.answers[0].is_cache_hit) == (False, True)
    await subject.evaluate([Item("other", TextSource(TextFormat.POSCAR, poscar + " "))], Query((0,)))
    assert len(reads) == 2


async def test_a_cancelled_block_is_not_read_to_its_end(rig, monkeypatch):
    subject, read, begun = rig().service, [], threading.Event()

    def slowly(item, known=None):
        read.append(item.id)
        begun.set()
        time.sleep(0.01)
        return Refusal("UNREADABLE", "of a test")

    monkeypatch.setattr(subject._reader, "read", slowly)
    items = [Item(str(number), rock_salt()) for number in range(1000)]
    call = asyncio.create_task(subject.evaluate(items, Query((0,))))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(0.5)
    assert len(read) < 500
