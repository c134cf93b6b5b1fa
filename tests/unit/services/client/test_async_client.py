import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from epitaxy.client import AsyncClient, InvalidRequestError, UnavailableError


def crystals(count: int, prefix: str = "c") -> Iterator[tuple[str, Any]]:
    for index in range(count):
        yield f"{prefix}{index}", (np.eye(3) * (3 + index / 1000), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])


async def test_every_structure_is_answered_once_over_dropped_connections(small_server: ModuleType, faults: Any) -> None:
    faults.drop_after_messages, faults.drops_left = 3, 2
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        run = client.screen([*crystals(100), *crystals(1, "bad"), *crystals(2, "flaky")], chunk_size=5)
        results = [result async for result in run]
    assert sorted(result.index for result in results) == list(range(103))
    assert (run.summary.answered, run.summary.refused) == (102, 1)
    assert faults.n_screens == 3


async def test_the_loop_is_free_while_inputs_are_read(small_server: ModuleType, faults: Any) -> None:
    def slow_inputs() -> Iterator[Any]:
        import time

        for crystal in crystals(20):
            time.sleep(0.02)
            yield crystal

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        ticker = asyncio.create_task(tick())
        assert len([result async for result in client.screen(slow_inputs(), chunk_size=20)]) == 20
        ticker.cancel()
    assert ticks > 10


async def test_to_pandas_is_in_input_order(small_server: ModuleType, faults: Any) -> None:
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        table = await client.screen(crystals(30), ["band_gap"], chunk_size=4).to_pandas()
    assert list(table["id"]) == [f"c{index}" for index in range(30)]


async def test_leaving_early_leaves_no_task(small_server: ModuleType, faults: Any) -> None:
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        before = len(asyncio.all_tasks())
        async with client.screen(crystals(10_000), chunk_size=10) as run:
            await anext(run)
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) <= before


async def test_errors_of_the_run_are_raised(small_server: ModuleType, faults: Any) -> None:
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        with pytest.raises(InvalidRequestError, match="unknown property hardness"):
            [result async for result in client.screen(crystals(1), ["hardness"])]
    async with AsyncClient(target) as client:
        assert not await client.is_ready()
        with pytest.raises(UnavailableError, match="start one with `epitaxy serve`"):
            [result async for result in client.screen(crystals(1))]


async def test_a_silent_stream_is_given_up(small_server: ModuleType, faults: Any) -> None:
    faults.is_mute = True
    async with small_server.serving(faults) as target, AsyncClient(target, patience=0.2) as client:
        with pytest.raises(UnavailableError, match=r"no answer for 0\.2 s"):
            [result async for result in client.screen(crystals(1))]


async def test_calls_answer_as_the_blocking_client_does(small_server: ModuleType, faults: Any) -> None:
    inputs = [*crystals(70), *crystals(1, "bad")]
    async with small_server.serving(faults) as target, AsyncClient(target) as client:
        assert await client.is_ready()
        results = await client.predict(inputs)
        reports = [report async for report in client.validate(inputs)]
        embeddings = [embedding async for embedding in client.embed(inputs)]
        assert [card.name for card in await client.list_models()] == ["substrate", "film"]
        assert (await client.get_model("film")).name == "film"
    ids = [item_id for item_id, _ in inputs]
    assert [one.id for one in results] == [one.id for one in reports] == [one.id for one in embeddings] == ids
    assert results[-1].outcome == "refused"
