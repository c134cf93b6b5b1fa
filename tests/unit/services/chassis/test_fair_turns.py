"""Turns by tenant: who asks for much waits for what they asked for, and nobody else does."""

import asyncio
from contextlib import suppress

import pytest

from epitaxy.chassis.fair_turns import FairTurns


class Work:
    """Calls that run until they are told to end; remembers the order in which they began."""

    def __init__(self, turns):
        self._turns = turns
        self.begun = []
        self.tasks = {}
        self._ends = {}

    async def start(self, tenant, number, cost=1.0, weight=1.0):
        name = f"{tenant}{number}"
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(name, tenant, cost, weight))
        await asyncio.sleep(0)

    async def end(self, name):
        self._ends[name].set()
        for _ in range(5):
            await asyncio.sleep(0)

    async def _run(self, name, tenant, cost, weight):
        async with self._turns.turn(tenant, cost, weight):
            self.begun.append(name)
            await self._ends[name].wait()

    async def end_all_in_turn(self):
        for name in self.begun:  # grows while it is walked
            await self.end(name)


async def test_tenants_take_turns_whoever_came_first():
    work = Work(FairTurns(1))
    for number in range(4):
        await work.start("a", number)
    await work.start("b", 0)
    await work.start("b", 1)
    await work.end_all_in_turn()
    assert work.begun in (["a0", "b0", "a1", "b1", "a2", "a3"], ["a0", "a1", "b0", "a2", "b1", "a3"])
    assert work.begun.index("b0") <= 2
    assert work.begun.index("b1") <= 4


@pytest.mark.parametrize(("weight", "share"), [(1.0, 0.5), (3.0, 0.75), (0.25, 0.2)])
async def test_shares_follow_cost_and_weight(weight, share):
    work = Work(FairTurns(1))
    for number in range(60):
        await work.start("a", number, cost=4.0)
        await work.start("b", number, cost=4.0, weight=weight)
    for name in work.begun:
        if len(work.begun) > 40:
            break
        await work.end(name)
    of_b = sum(name.startswith("b") for name in work.begun) / len(work.begun)
    assert of_b == pytest.approx(share, abs=0.06)
    for task in work.tasks.values():
        task.cancel()
    await asyncio.gather(*work.tasks.values(), return_exceptions=True)


async def test_small_calls_run_beside_each_other_and_large_ones_a_few_at_once():
    small, large = Work(FairTurns(2, small_cost=10)), Work(FairTurns(2, small_cost=10))
    for number in range(8):
        await small.start("a", number, cost=2)
        await large.start("a", number, cost=50)
    assert (len(small.begun), len(large.begun)) == (5, 2)
    await small.end_all_in_turn()
    await large.end_all_in_turn()
    assert (len(small.begun), len(large.begun)) == (8, 8)


async def test_a_tenant_of_which_nothing_runs_does_not_wait_for_the_others_while_there_is_spare_room():
    work = Work(FairTurns(1, n_spare=1))
    for number in range(3):
        await work.start("a", number)
    await work.start("b", 0)
    await work.start("b", 1)
    await work.start("c", 0)
    assert work.begun == ["a0", "b0"]
    await work.end("b0")
    assert work.begun == ["a0", "b0", "c0"], "b had its turn"
    await work.end_all_in_turn()
    assert len(work.begun) == 6


async def test_calls_that_are_cancelled_hold_nothing():
    turns = FairTurns(1)
    work = Work(turns)
    for number in range(3):
        await work.start("a", number)
    work.tasks["a1"].cancel()
    await asyncio.sleep(0)
    assert turns.n_waiting == 1
    work.tasks["a0"].cancel()  # runs
    for _ in range(5):
        await asyncio.sleep(0)
    assert work.begun == ["a0", "a2"]
    # Granted and cancelled before it could begin.
    await work.start("a", 3)
    work._ends["a2"].set()
    await asyncio.sleep(0)
    work.tasks["a3"].cancel()
    with suppress(asyncio.CancelledError):
        await work.tasks["a3"]
    await work.start("a", 4)
    assert work.begun[-1] == "a4"
    await work.end("a4")


async def test_nobody_pays_for_what_they_had_while_nobody_else_wanted_it():
    turns = FairTurns(1)
    work = Work(turns)
    for number in range(50):
        await work.start("a", number, cost=100)
        await work.end(f"a{number}")
    await work.start("x", 0)
    await work.start("a", 50)
    await work.start("b", 0)
    await work.start("b", 1)
    await work.end_all_in_turn()
    assert work.begun[50:] == ["x0", "a50", "b0", "b1"]
