"""Mixed load on one stack, processes of which die and stand still, and then a calm part in which nothing may grow."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from epitaxy.client import AsyncClient
from loadtest.harm import Blow, How, kill, pids_by_part, plans, stop_for
from loadtest.local_stack import LocalStack
from loadtest.processes import is_running
from loadtest.soak.vitals import Growth, Vitals
from loadtest.trials.accounts import Account
from loadtest.trials.jobs import Jobs, Measuring
from loadtest.trials.loops import Loops
from loadtest.trials.work import Explaining, Screening, SinglePredictions, Work, compositions, crystals, molecules

# So long nothing is harmed at the end: what grows then grows by itself.
CALM_SHARE = 1 / 3
_LOOK_SECONDS = 10.0
_PAUSES = (8.0, 32.0)
_ENDING_SECONDS = 1200.0
_TIMEOUT_SECONDS = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a soak has shown.

    Attributes:
        accounts: One a kind of work.
        seconds: How long the load lasted.
        survived: Whether the stack still ran at the end.
        unfinished: Work that had not come to an end long after the load.
    """

    accounts: tuple[Account, ...]
    blows: tuple[Blow, ...]
    growths: tuple[Growth, ...]
    seconds: float
    survived: bool
    unfinished: tuple[str, ...]
    vitals: dict[str, Any]

    @property
    def passes(self) -> bool:
        is_whole = all(account.is_whole for account in self.accounts)
        return self.survived and is_whole and not self.unfinished and all(growth.is_flat for growth in self.growths)


def all_work() -> list[Work]:
    """One of each kind."""
    return [
        Screening("screens of crystals", crystals(800), 256, 1.0, seed=1),
        Screening("screens of molecules", molecules(200), 64, 3.0, seed=2),
        Screening("screens of compositions", compositions(200), 64, 3.0, seed=3),
        SinglePredictions(crystals(40)),
        Explaining(),
        Measuring(),
        Loops(),
        Jobs(),
    ]


class Soak:
    """One run."""

    def __init__(self, stack: LocalStack, folders: Sequence[Path], seconds: float, seed: int, say: Say) -> None:
        self._stack, self._seconds, self._seed, self._say = stack, seconds, seed, say
        self._vitals = Vitals(stack.pid, folders)
        self._work = all_work()
        self._accounts = {work.kind: Account(work.kind) for work in self._work}
        self._blows: list[Blow] = []
        self._began = 0.0

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    async def run(self) -> Outcome:
        """Learns, loads, harms, waits for every end, and looks at everything once more."""
        async with AsyncExitStack() as opened:
            clients = {
                tenant: await opened.enter_async_context(AsyncClient(self._stack.target, key, timeout=_TIMEOUT_SECONDS))
                for tenant, key in self._stack.keys.items()
            }
            await self._learn(next(iter(clients.values())))
            self._began = time.monotonic()
            unfinished = await self._load(clients)
            load_seconds = self._elapsed
            self._say("at rest: everything is asked once more")
            everything = [(work, tenant) for work in self._work for tenant in clients]
            await asyncio.gather(
                *(work.settle(clients[tenant], tenant, self._account(work)) for work, tenant in everything)
            )
            survived = is_running(self._stack.pid) and await next(iter(clients.values())).is_ready(30)
        accounts, growths = tuple(self._accounts.values()), tuple(self._vitals.growths())
        record = self._vitals.as_record()
        return Outcome(accounts, tuple(self._blows), growths, load_seconds, survived, unfinished, record)

    def _account(self, work: Work) -> Account:
        return self._accounts[work.kind]

    async def _learn(self, client: AsyncClient) -> None:
        for work in self._work:
            began = time.monotonic()
            await work.learn(client)
            self._say(f"learned {work.kind} in {time.monotonic() - began:.0f} s")

    async def _load(self, clients: dict[str, AsyncClient]) -> tuple[str, ...]:
        """Names of work that did not come to an end."""
        watcher, harmer = asyncio.create_task(self._watch()), asyncio.create_task(self._harm())
        running = {
            asyncio.create_task(self._worked(work, client, tenant), name=f"{work.kind} of {tenant}")
            for work in self._work
            for tenant, client in clients.items()
        }
        _, waiting = await asyncio.wait(running, timeout=self._seconds + _ENDING_SECONDS)
        for task in (watcher, harmer, *waiting):
            task.cancel()
        await asyncio.gather(watcher, harmer, *waiting, return_exceptions=True)
        for task in running - waiting:
            task.result()
        return tuple(task.get_name() for task in waiting)

    async def _worked(self, work: Work, client: AsyncClient, tenant: str) -> None:
        number = 0
        while self._elapsed < self._seconds:
            await work.once(client, tenant, number, self._account(work))
            number += 1
            await asyncio.sleep(work.pause_seconds)

    async def _watch(self) -> None:
        while True:
            await asyncio.to_thread(self._vitals.look, self._elapsed)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _harm(self) -> None:
        for plan in plans(self._seed, *_PAUSES):
            await asyncio.sleep(plan.pause)
            if self._elapsed > (1 - CALM_SHARE) * self._seconds:
                return
            target = plan.target(await asyncio.to_thread(pids_by_part, self._stack.pid))
            if target is None:
                continue
            part, pid = target
            how = How.STOP if plan.seconds else How.KILL
            self._blows.append(Blow(round(self._elapsed, 1), part, pid, how, round(plan.seconds, 1)))
            lasting = f" for {plan.seconds:.1f} s" if plan.seconds else ""
            self._say(f"{self._elapsed:4.0f} s: {how} {part} {pid}{lasting}")
            await asyncio.to_thread(partial(stop_for, pid, plan.seconds) if plan.seconds else partial(kill, pid))
