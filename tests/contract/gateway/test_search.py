"""SearchService.Search: the best candidates of a pool, without all of its structures."""

import asyncio
from collections.abc import Callable

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pool_backend import BEST, CROWDED, TRUTH, N, PoolBackend, eligible

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1 import search_pb2, search_pb2_grpc


@pytest.fixture
def backend() -> PoolBackend:
    return PoolBackend()


def order(**changes) -> search_pb2.SearchOrder:
    goal = search_pb2.SearchGoal(
        quantity=search_pb2.SearchQuantity(property="band_gap"), maximize=search_pb2.Maximize()
    )
    return search_pb2.SearchOrder(**{"best": BEST, "goal": goal, "n_candidates": N} | changes)


def columns(numbers) -> search_pb2.SearchRequest:
    n = len(numbers)
    block = search_pb2.CandidateColumns(
        n_elements=np.ones(n, "<u4").tobytes(),
        atomic_numbers=bytes([11]) * n,
        amounts=np.ones(n, "<f4").tobytes(),
        volumes=np.asarray(numbers, "<f8").tobytes(),
    )
    return search_pb2.SearchRequest(candidates=search_pb2.CandidateBlock(columns=block))


async def search(edge, begin, *, pool=range(N), why=(), answer: Callable | None = None):
    """All responses of a search whose caller answers what the server wants."""
    outbox: asyncio.Queue = asyncio.Queue()
    outbox.put_nowait(search_pb2.SearchRequest(begin=begin))

    async def requests():
        while (request := await outbox.get()) is not None:
            yield request

    responses = []
    async for response in search_pb2_grpc.SearchServiceStub(edge.channel).Search(requests()):
        responses.append(response)
        if response.HasField("begun"):
            for start in range(0, len(pool), 500):
                outbox.put_nowait(columns(pool[start : start + 500]))
            outbox.put_nowait(search_pb2.SearchRequest(end_of_candidates=search_pb2.EndOfCandidates()))
        if response.HasField("wanted"):
            wanted = response.wanted
            structures = [StructureInput(id="same", cif=str(pool[index])) for index in wanted.indices]
            if answer is not None:
                structures = answer(structures)
            reply = search_pb2.WantedStructures(sequence=wanted.sequence, structures=structures)
            outbox.put_nowait(search_pb2.SearchRequest(structures=reply))
        if response.HasField("summary"):
            for index in why:
                outbox.put_nowait(search_pb2.SearchRequest(why=search_pb2.WhyRequest(index=index)))
            outbox.put_nowait(None)
    return responses


async def reason_of(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    details = rpc_status.from_call(caught.value).details
    assert next(detail for detail in details if detail.Is(info.DESCRIPTOR)).Unpack(info)
    return caught.value.code(), info.reason


async def test_the_best_come_with_a_summary_after_a_part_of_the_pool_was_evaluated(edge, backend):
    worst = int(np.argmin(TRUTH))
    responses = await search(edge, order(), why=[int(np.argmax(TRUTH)), worst])
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds[0] == "begun"
    assert responses[0].begun.model.version == "1"
    assert kinds[-3:] == ["summary", "fate", "fate"]
    summary = responses[-3].summary
    assert list(summary.best) == eligible()[:BEST]
    assert summary.n_candidates == N
    assert summary.n_evaluated == len(backend.evaluated) == len(set(backend.evaluated)) < N / 2
    assert summary.n_dropped == N - summary.n_evaluated
    assert summary.recall_low <= summary.recall_estimate <= summary.recall_high
    assert summary.threshold == pytest.approx(TRUTH[eligible()[BEST - 1]])
    results = [result for response in responses for result in response.results.results]
    assert len(results) == summary.n_evaluated
    assert [response.fate.fate for response in responses[-2:]] == ["best", "dropped"]
    metrics = await edge.metrics()
    assert metrics['epitaxy_gateway_searches_total{outcome="finished"}'] == 1
    assert metrics["epitaxy_gateway_search_candidates_total"] == N


async def test_domain_formula_ends_and_conditions_hold(edge, backend):
    below = search_pb2.SearchCondition(
        quantity=search_pb2.SearchQuantity(property="band_gap", end=search_pb2.VALUE_END_UPPER),
        comparison=search_pb2.CONDITION_COMPARISON_LESS,
        bound=3.0,
    )
    begin = order(in_domain=True, per_formula=2, where=[below])
    summary = (await search(edge, begin))[-1].summary
    wanted = eligible(lambda number: number % 2 == 0 and TRUTH[number] + 1 < 3.0)
    crowded = [number for number in wanted if number in CROWDED]
    expected = [number for number in wanted if number not in CROWDED or number in crowded[:2]]
    assert list(summary.best) == expected[:BEST]


async def test_without_students_everything_is_evaluated_and_refused_rows_are_told(edge, backend):
    backend.has_students = False
    responses = await search(edge, order(best=5), pool=range(300))
    assert responses[0].begun.reason == "crystals has no students"
    summary = responses[-1].summary
    assert sorted(backend.evaluated) == list(range(300))
    assert (summary.counts.answered, summary.counts.refused) == (299, 1)
    assert summary.errors_by_reason == {"PARTIAL_OCCUPANCY": 1}
    assert summary.recall_estimate == 1
    errors = [one for response in responses for one in response.results.results if one.HasField("error")]
    assert [one.error.reason for one in errors] == ["PARTIAL_OCCUPANCY"]


async def test_a_lost_backend_is_waited_out(edge, backend):
    for name in ("score", "evaluate"):
        backend.faults[name] = 2
    summary = (await search(edge, order()))[-1].summary
    assert list(summary.best) == eligible()[:BEST]
    assert summary.counts.failed == 0


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        (order(best=N + 1), "BEST_OVER_POOL"),
        (order(best=0), "INVALID_ARGUMENT"),
        (order(recall=1.5), "INVALID_ARGUMENT"),
        (order(goal=search_pb2.SearchGoal()), "INVALID_ARGUMENT"),
        (order(where=[search_pb2.SearchCondition(bound=1)]), "INVALID_ARGUMENT"),
        (
            order(
                goal=search_pb2.SearchGoal(quantity=search_pb2.SearchQuantity(property="band_gap"), match=float("nan"))
            ),
            "INVALID_ARGUMENT",
        ),
        (
            order(
                goal=search_pb2.SearchGoal(
                    quantity=search_pb2.SearchQuantity(property="hull"), minimize=search_pb2.Minimize()
                )
            ),
            "UNKNOWN_PROPERTY",
        ),
    ],
)
async def test_a_wrong_order_is_refused_before_anything_is_evaluated(edge, backend, begin, reason):
    code, found = await reason_of(search(edge, begin))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in (found, "INVALID_ARGUMENT")
    assert not backend.evaluated


async def test_bounds_and_the_order_of_messages_are_kept(start_edge, backend):
    edge = await start_edge(max_candidates=1000)
    assert (await reason_of(search(edge, order())))[1] == "TOO_MANY_CANDIDATES"
    call = search_pb2_grpc.SearchServiceStub(edge.channel).Search()
    await call.write(columns([1]))
    assert (await reason_of(call.read()))[1] == "SEARCH_OUT_OF_ORDER"
    code, _ = await reason_of(search(edge, order(), pool=range(900), answer=lambda structures: structures[1:]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_search_takes_one_screen_and_gives_it_back_when_its_caller_leaves(start_edge, backend, eventually):
    edge = await start_edge(max_screens=1)
    stub = search_pb2_grpc.SearchServiceStub(edge.channel)
    call = stub.Search()
    await call.write(search_pb2.SearchRequest(begin=order()))
    assert (await call.read()).HasField("begun")
    other = stub.Search()
    await other.write(search_pb2.SearchRequest(begin=order()))
    with pytest.raises(grpc.aio.AioRpcError, match="screens"):
        await other.read()
    call.cancel()
    await asyncio.sleep(0.2)
    assert (await search(edge, order()))[-1].HasField("summary")
    assert (await edge.metrics())['epitaxy_gateway_searches_total{outcome="cancelled"}'] == 1


async def test_an_idle_search_ends(start_edge, backend):
    edge = await start_edge(screen_idle_seconds=0.2)
    call = search_pb2_grpc.SearchServiceStub(edge.channel).Search()
    await call.write(search_pb2.SearchRequest(begin=order()))
    assert (await call.read()).HasField("begun")
    assert (await reason_of(call.read()))[1] == "IDLE_STREAM"
