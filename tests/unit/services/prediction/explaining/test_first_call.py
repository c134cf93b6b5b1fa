"""The first call for an explanation: it starts one explainer, says so, and is refused at once if it cannot wait."""

import asyncio
import logging

import pytest

from epitaxy.chassis.errors import OverloadedError, UnavailableError
from epitaxy.chassis.request_context import RequestContext, bind_deadline, bind_request
from epitaxy.prediction.explaining import first_call
from epitaxy.prediction.explaining.first_call import ExplainerStart, StartedExplainers


class Explainers:
    """Explainers of which none runs; a test lets one start."""

    def __init__(self):
        self.starts, self.too_short, self.woken, self.explained = [], 0, 0, 0
        self.gate = asyncio.Event()
        self.fault = None

    async def wake(self):
        self.woken += 1
        await self.gate.wait()
        if self.fault:
            raise self.fault

    async def explain(self, structures, query):
        self.explained += 1
        return list(structures)

    def observe_start(self, seconds):
        self.starts.append(seconds)

    def count_too_short(self):
        self.too_short += 1


@pytest.fixture
def explainers():
    return Explainers()


@pytest.fixture
def backend(explainers, monkeypatch):
    monkeypatch.setattr(first_call, "_GRACE_SECONDS", 0.01)
    return StartedExplainers(explainers, explainers, ExplainerStart(explainers.wake, 5.0, explainers))


async def test_many_first_calls_start_one_explainer_and_say_so(backend, explainers, caplog):
    caplog.set_level(logging.INFO)
    bind_request(RequestContext())
    calls = [asyncio.create_task(backend.explain([number], None)) for number in range(5)]
    await asyncio.sleep(0.05)
    assert (explainers.woken, explainers.explained) == (1, 0), "nobody is sent to a second one"
    explainers.gate.set()
    assert await asyncio.gather(*calls) == [[number] for number in range(5)]
    assert len(explainers.starts) == 1
    assert "no explainer runs: this call starts one, in about 30 s" in caplog.text
    await backend.explain([7], None)
    assert explainers.woken == 1, "it runs, until it has been idle for long"


async def test_a_call_that_cannot_wait_is_refused_at_once_and_the_start_goes_on(backend, explainers):
    bind_request(RequestContext())
    bind_deadline(3.0)
    with pytest.raises(OverloadedError, match=r"takes about 30 s, longer than the 3 s") as refused:
        await backend.explain([1], None)
    assert (refused.value.reason, round(refused.value.retry_after_seconds)) == ("EXPLAINER_STARTS", 30)
    assert (explainers.too_short, explainers.explained) == (1, 0)
    explainers.gate.set()
    await asyncio.sleep(0.01)
    assert await backend.explain([1], None) == [1]
    assert explainers.woken == 1


async def test_a_start_that_fails_is_told_and_tried_again_by_the_next_call(backend, explainers):
    bind_request(RequestContext())
    explainers.gate.set()
    explainers.fault = UnavailableError("the explainer does not answer: send it again")
    with pytest.raises(UnavailableError, match="explainer does not answer"):
        await backend.explain([1], None)
    explainers.fault = None
    assert await backend.explain([1], None) == [1]
    assert explainers.woken == 2


async def test_an_explainer_that_another_replica_started_is_used_whatever_the_deadline(backend, explainers):
    bind_request(RequestContext())
    bind_deadline(0.5)
    explainers.gate.set()
    assert await backend.explain([1], None) == [1]
    assert (explainers.starts, explainers.too_short) == ([], 0)
