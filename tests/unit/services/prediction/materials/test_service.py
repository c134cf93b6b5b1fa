"""Room of a substrate of materials: its caches, its queue, its time, and other versions of it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from prediction_rig import CountedMetrics

from epitaxy.chassis.errors import DeadlineExceededError, OverloadedError
from epitaxy.chassis.request_context import RequestContext, bind_deadline, bind_request
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.cache.redis_materials import RedisMaterials
from epitaxy.prediction.domain import Item, MaterialSource, Query, Refusal
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.ports import CacheTier
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import DEFAULT_POLICY
from epitaxy_models.substrates.material_catalogue import COMPOSITION, MOLECULE, MaterialCatalogue
from epitaxy_models.substrates.shipped import pretrained_folder, shipped_molecular
from epitaxy_models.testing.substrates import write_later_substrate

QUERY = Query(tuple(range(len(shipped_molecular().card.properties))))


class KeptEntries:
    """SharedEntries in this process."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    async def read(self, prefix, keys):
        return {key: self.kept[full] for key in keys if (full := prefix + key.hex().encode()) in self.kept}

    async def write(self, entries):
        self.kept |= dict(entries)


def items(*smiles: str) -> list[Item]:
    return [Item(str(n), MaterialSource(MaterialKind.MOLECULE, text)) for n, text in enumerate(smiles)]


def service(entries: KeptEntries | None = None, **options) -> tuple[MaterialService, CountedMetrics]:
    substrate, metrics = shipped_molecular(), CountedMetrics()
    shared = entries and RedisMaterials(entries, substrate.card, substrate.digest)
    return MaterialService(substrate, metrics, DEFAULT_POLICY, shared, own_hits=OwnHits(entries), **options), metrics


@pytest.fixture(autouse=True)
def _call() -> None:
    bind_request(RequestContext("r-1", "acme"))


async def test_replicas_share_readings_and_a_damaged_entry_is_computed_again() -> None:
    entries = KeptEntries()
    (first, _), (second, metrics) = service(entries), service(entries)
    cold = await first.evaluate(items("CCO", "c1ccccc1", "C("), QUERY)
    assert [answer.is_cache_hit for answer in cold.answers] == [False] * 3
    warm = await second.evaluate(items("OCC", "c1ccccc1", "C("), QUERY)
    assert [answer.is_cache_hit for answer in warm.answers] == [True, True, False]
    np.testing.assert_array_equal(cold.prediction.values, warm.prediction.values)
    assert metrics.lookups[CacheTier.SHARED] == 2
    assert metrics.kinds == {(MaterialKind.MOLECULE, "answered"): 2, (MaterialKind.MOLECULE, "refused"): 1}
    entries.kept = {name: entry[:-1] + bytes([entry[-1] ^ 1]) for name, entry in entries.kept.items()}
    third, _ = service(entries)
    again = await third.evaluate(items("CCO"), QUERY)
    assert not again.answers[0].is_cache_hit
    bypassed = await second.evaluate(items("CCO"), Query(QUERY.properties, bypass_cache=True))
    assert not bypassed.answers[0].is_cache_hit


async def test_entries_of_another_substrate_are_not_met() -> None:
    entries, substrate = KeptEntries(), shipped_molecular()
    block = await service(entries)[0].evaluate(items("CCO"), QUERY)
    digest = block.answers[0].outcome.digest
    own, other = (RedisMaterials(entries, substrate.card, name) for name in (substrate.digest, "sha256:" + "0" * 64))
    assert list(await own.readings([digest])) == [digest]
    assert await other.readings([digest]) == {}
    answers = [name for name in entries.kept if not name.startswith(b"epitaxy:asked:")]
    assert answers
    assert all(b"materials-" in name for name in answers), "the version of intake is part of every name"


async def test_tenants_embeddings_are_shared_too() -> None:
    entries = KeptEntries()
    (first, _), (second, _) = service(entries), service(entries)
    _, rows = await first.embed(items("CCO"))
    answers, again = await second.embed(items("OCC"))
    assert answers[0].is_cache_hit
    np.testing.assert_array_equal(rows[0].embedding, again[0].embedding)


async def test_a_full_queue_sheds_with_a_hint_and_empties_again() -> None:
    small, metrics = service(max_queued=2)
    running = [asyncio.create_task(small.evaluate(items(f"{'C' * n}O", "C"), QUERY)) for n in (1, 2)]
    done = await asyncio.gather(*running, return_exceptions=True)
    shed = [one for one in done if isinstance(one, OverloadedError)]
    assert len(shed) == 1
    assert shed[0].retry_after_seconds > 0
    assert max(metrics.queued) == 2
    assert small.queue.waiting == metrics.queued[-1] == 0
    block = await small.evaluate(items("CCO"), QUERY)
    assert not isinstance(block.answers[0].outcome, Refusal)


async def test_a_call_ends_at_its_deadline_and_a_cancelled_one_frees_its_place() -> None:
    one, _ = service()
    many = items(*(f"{'C' * n}O" for n in range(1, 200)))
    call = asyncio.create_task(one.evaluate(many, QUERY))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert one.queue.waiting == 0
    bind_deadline(0.0)
    with pytest.raises(DeadlineExceededError, match="time allowed"):
        await one.evaluate(many, QUERY)
    assert one.queue.waiting == 0


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later version of the shipped substrate of molecules."""
    folder = tmp_path_factory.mktemp("later") / MOLECULE
    return write_later_substrate(folder, "9", pretrained_folder(MOLECULE))


async def test_a_setting_names_another_substrate_and_the_shipped_one_stays_at_hand(later: Path) -> None:
    services = MaterialServices(lambda label: CountedMetrics(), DEFAULT_POLICY, MaterialCatalogue({MOLECULE: later}))
    present = await services.of_kind(MaterialKind.POLYMER)
    assert present.label == "substrate-molecule:9"
    shipped = shipped_molecular()
    earlier = await services.named(MOLECULE, shipped.card.version)
    assert earlier.substrate.digest == shipped.digest
    assert await services.named("substrate-mp") is None
    blocks = [await one.evaluate(items("CCO"), QUERY) for one in (present, earlier)]
    assert not np.array_equal(blocks[0].prediction.values, blocks[1].prediction.values)


def test_a_folder_of_another_substrate_is_refused(later: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds substrate-molecule, and not substrate-composition"):
        MaterialCatalogue({COMPOSITION: later})
