"""Answers kept for a moment: asked again in time, asked once at a time, and held while the source is away."""

import asyncio

import pytest

from epitaxy.chassis.errors import NotFoundError, UnavailableError
from epitaxy.prediction.tenants.recent_answers import RecentAnswers, Remembered


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Source:
    def __init__(self, *outcomes):
        self.outcomes, self.n_asked = list(outcomes), 0

    async def __call__(self):
        self.n_asked += 1
        await asyncio.sleep(0)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recent(clock):
    return RecentAnswers(2.0, clock)


async def test_an_answer_holds_for_its_time_and_no_longer(recent, clock):
    source = Source("one", "two")
    assert await recent.get("key", source) == "one"
    clock.now += 1.9
    assert await recent.get("key", source) == "one"
    clock.now += 0.2
    assert await recent.get("key", source) == "two"


async def test_callers_at_once_ask_once(recent):
    source = Source("one")
    assert await asyncio.gather(*(recent.get("key", source) for _ in range(10))) == ["one"] * 10
    assert source.n_asked == 1


async def test_that_there_is_none_is_an_answer_too(recent, clock):
    source = Source(NotFoundError("no such model", reason="UNKNOWN_MODEL"), "one")
    for _ in range(3):
        with pytest.raises(NotFoundError, match="no such model") as error:
            await recent.get("key", source)
        assert error.value.reason == "UNKNOWN_MODEL"
    assert source.n_asked == 1
    clock.now += 3
    assert await recent.get("key", source) == "one"


async def test_the_last_answer_holds_while_the_source_is_away(recent, clock):
    source = Source("one", UnavailableError("gone"), UnavailableError("gone"), "two")
    assert await recent.get("key", source) == "one"
    for _ in range(2):
        clock.now += 3
        assert await recent.get("key", source) == "one"
    clock.now += 3
    assert await recent.get("key", source) == "two"


async def test_a_source_that_never_answered_is_asked_again_at_once(recent):
    source = Source(UnavailableError("gone"), "one")
    with pytest.raises(UnavailableError, match="gone"):
        await recent.get("key", source)
    assert await recent.get("key", source) == "one"


async def test_a_caller_that_goes_away_takes_no_answer_from_the_others(recent):
    source = Source("one")
    first = asyncio.create_task(recent.get("key", source))
    await asyncio.sleep(0)
    second = asyncio.create_task(recent.get("key", source))
    first.cancel()
    assert await second == "one"


async def test_names_without_end_do_not_fill_the_memory(recent):
    for number in range(5000):
        await recent.get(number, Source("x"))
    assert len(recent._entries) == 4096


def test_what_is_remembered_is_forgotten_in_time(clock):
    remembered = Remembered(30.0, clock)
    assert remembered.get("a") is None
    remembered.put("a", 1)
    assert remembered.get("a") == 1
    clock.now += 31
    assert remembered.get("a") is None
