"""Client.search against a real gateway, whose model and students are scripted."""

import asyncio

import numpy as np
import pytest
from pool_backend import BEST, REFUSED, TRUTH, N, PoolBackend, eligible

from epitaxy.client import AsyncClient, Client, InvalidRequestError


@pytest.fixture
def backend() -> PoolBackend:
    return PoolBackend()


def cells(n=N):
    """Candidates whose volume is their number."""
    for number in range(n):
        yield f"c{number}", (np.diag([1.0, 1.0, max(number, 1e-3)]), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


async def test_a_search_yields_what_was_evaluated_and_ends_with_the_best(edge, backend):
    def run():
        with Client(edge.gateway.address) as client, client.search(cells(), BEST, "band_gap:max") as found:
            results = list(found)
            return results, found.best(), found.table(), found.summary, found.why(f"c{int(np.argmin(TRUTH))}")

    results, best, table, summary, fate = await asyncio.to_thread(run)
    assert [result.index for result in best] == eligible()[:BEST]
    assert [result.id for result in best] == [f"c{number}" for number in eligible()[:BEST]]
    assert table["rank"].tolist() == list(range(1, BEST + 1))
    assert table["value"].tolist() == [TRUTH[number] for number in eligible()[:BEST]]
    assert sorted(result.index for result in results) == sorted(backend.evaluated)
    assert summary.n_evaluated == len(results) < N / 2
    assert summary.n_candidates == N
    assert summary.model == "crystals:1"
    assert fate.fate == "dropped"
    assert "student" in fate.words


async def test_a_gateway_that_dies_in_the_middle_costs_nothing_but_time(start_edge, backend):
    first = await start_edge()
    port = first.gateway.address.rpartition(":")[2]
    async with AsyncClient(first.gateway.address, patience=20) as client:
        pool = [*cells(), ("no crystal", ([[1, 0, 0]], ["Na"], [[0, 0, 0]]))]
        run = client.search(pool, BEST, "band_gap:max")
        results = [await anext(run)]
        await first.gateway.stop()
        await start_edge(port=int(port))
        results += [result async for result in run]
        indices = [result.index for result in results]
        assert len(set(indices)) == len(indices)
        assert [result.index for result in await run.best()] == eligible()[:BEST]
        assert run.summary.refused == 1 + (REFUSED in backend.evaluated)
        assert next(result for result in results if result.index == N).error is not None
        await run.aclose()


async def test_what_cannot_be_meant_is_refused_in_words(edge, backend):
    async with AsyncClient(edge.gateway.address) as client:
        for by in ("band_gap", "band_gap:best", "band_gap:match", "band_gap:match:nan", "band_gap:max:middle", ":max"):
            with pytest.raises(InvalidRequestError, match=r"by .* cannot be read"):
                client.search([], 1, by)
        for where in ("band_gap", "band_gap<", "band_gap<x", "band_gap:middle<1", "band_gap<nan"):
            with pytest.raises(InvalidRequestError, match=r"where .* cannot be read"):
                client.search([], 1, "band_gap:max", where=where)
        for wrong in ({"k": 0}, {"recall": 1.0}, {"per_formula": 0}):
            with pytest.raises(InvalidRequestError, match="give"):
                client.search([], **({"k": 1, "by": "band_gap:max"} | wrong))
        with pytest.raises(InvalidRequestError, match="300 candidates") as caught:
            await client.search(cells(300), 301, "band_gap:max").best()
        assert caught.value.reason == "BEST_OVER_POOL"
        with pytest.raises(InvalidRequestError, match="it has band_gap"):
            await client.search(cells(5), 1, "hull:min").best()
