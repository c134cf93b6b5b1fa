"""Forward passes that fail: the culprit alone has an error, and no caller waits for ever."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from prediction_rig import graph_of

from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy_models.errors import EpitaxyError

CULPRIT = 13


def marks_of(graphs):
    return np.array([[[graph.multiplicities[0]]] for graph in graphs], dtype=np.float32)


def batcher_of(forward, executor, **options):
    return EdgeBudgetBatcher(forward, executor, 100_000, 1_000_000, **options)


async def answered(batcher, graphs):
    return await asyncio.wait_for(batcher.submit(graphs, 30), timeout=10)


@pytest.mark.parametrize(
    "error",
    [ValueError("odd shape"), MemoryError(), torch.OutOfMemoryError("0 bytes free")],
    ids=lambda e: type(e).__name__,
)
async def test_only_the_graph_that_breaks_the_network_has_an_error(executor, error, caplog):
    def forward(graphs):
        if any(graph.multiplicities[0] == CULPRIT for graph in graphs):
            raise error
        return marks_of(graphs)

    graphs = [graph_of(10, mark=number) for number in range(40)]
    results = await answered(batcher_of(forward, executor), graphs)
    culprit = results.pop(CULPRIT)
    assert isinstance(culprit, EpitaxyError)
    assert culprit.message == "the model failed on this structure: report it"
    assert [int(result[0, 0]) for result in results] == [number for number in range(40) if number != CULPRIT]
    alone = [record for record in caplog.records if record.message == "a graph failed alone"]
    assert [record.exc_info[1] for record in alone] == [error], "the log must hold the cause"


async def test_a_batch_that_does_not_fit_into_memory_is_halved_until_it_does(executor, caplog):
    computed, splits = [], []

    def forward(graphs):
        if len(graphs) > 3:
            raise MemoryError("too many")
        computed.append(len(graphs))
        return marks_of(graphs)

    batcher = batcher_of(forward, executor, on_split=lambda: splits.append(1))
    results = await answered(batcher, [graph_of(10, mark=number) for number in range(20)])
    assert [int(result[0, 0]) for result in results] == list(range(20))
    assert sum(computed) == 20
    assert len(splits) == len(computed) - 1, "each split makes one batch more"
    assert min(computed) >= 2, "halving goes no further than it must"
    assert all(record.levelno == logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("surplus", [-1, 1])
async def test_a_network_that_loses_or_invents_results_is_not_believed(executor, surplus):
    batcher = batcher_of(lambda graphs: marks_of(graphs * 2)[: len(graphs) + surplus], executor)
    results = await answered(batcher, [graph_of(10, mark=number) for number in range(5)])
    assert all(isinstance(result, EpitaxyError) for result in results)


async def test_results_that_fail_while_they_are_read_are_a_failed_forward_pass(executor):
    def forward(graphs):
        yield from marks_of(graphs[:1])
        if len(graphs) > 1:
            raise ValueError("broke off")

    results = await answered(batcher_of(forward, executor), [graph_of(10, mark=number) for number in range(4)])
    assert [int(result[0, 0]) for result in results] == [0, 1, 2, 3]


async def test_an_observer_that_fails_costs_no_answer(executor, caplog):
    def observe(edges, seconds):
        raise RuntimeError("no exporter")

    batcher = batcher_of(marks_of, executor, on_batch=observe)
    for number in range(3):
        (result,) = await answered(batcher, [graph_of(10, mark=number)])
        assert result[0, 0] == number
    assert "no exporter" in caplog.text


async def test_callers_get_errors_when_the_executor_is_gone():
    executor = ThreadPoolExecutor(max_workers=1)
    batcher = batcher_of(marks_of, executor)
    executor.shutdown()
    results = await answered(batcher, [graph_of(10)] * 3)
    assert all(isinstance(result, EpitaxyError) for result in results)


async def test_work_goes_on_after_a_failure(executor):
    failures = iter([RuntimeError("first"), RuntimeError("alone")])

    def forward(graphs):
        for failure in failures:
            raise failure
        return marks_of(graphs)

    batcher = batcher_of(forward, executor)
    first, second = await answered(batcher, [graph_of(10, mark=1), graph_of(10, mark=2)])
    assert isinstance(first, EpitaxyError)
    assert second[0, 0] == 2
    (third,) = await answered(batcher, [graph_of(10, mark=3)])
    assert third[0, 0] == 3
