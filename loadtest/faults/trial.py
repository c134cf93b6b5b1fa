"""One fault against one stack: so many structures are screened, and all the while it happens."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epitaxy.client import AsyncClient
from loadtest.faults.faults import DISK, STOP_SECONDS, Fault
from loadtest.harm import How, kill, pids_by_part, stop_for
from loadtest.local_stack import LocalStack
from loadtest.processes import is_running
from loadtest.small_disk import SmallDisk
from loadtest.trials.accounts import Account
from loadtest.trials.jobs import Jobs
from loadtest.trials.loops import Loops
from loadtest.trials.work import Screening, Work

# Screens at once, and the share of answers after which each strike comes.
_CALLERS = 3
_STRIKES_AT = (0.1, 0.5)
_DISK_HAS_ROOM_AFTER_SECONDS = 20.0
_AWAY_SECONDS = 60.0
_BACK_SECONDS = 180.0
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Trial:
    """What came of one fault.

    Attributes:
        accounts: Of the screens, and of what was under way beside them.
        seconds: From the first message to the last answer.
        longest_silence: Longest time without an answer to any of the screens, seconds.
        struck: Process ids.
        survived: Whether the stack was ready again, without its operator.
    """

    fault: Fault
    accounts: list[Account]
    seconds: float = 0.0
    longest_silence: float = 0.0
    struck: list[int] = field(default_factory=list)
    survived: bool = False

    @property
    def passes(self) -> bool:
        was_struck = bool(self.struck) or self.fault.part == DISK
        return self.survived and was_struck and all(account.is_whole for account in self.accounts)

    def as_record(self) -> dict[str, Any]:
        return {
            "fault": self.fault.name,
            "passed": self.passes,
            "seconds": round(self.seconds, 1),
            "longest_silence_seconds": round(self.longest_silence, 1),
            "strikes": max(len(self.struck), int(self.fault.part == DISK)),
            "survived": self.survived,
            "work": {account.kind: account.as_record() for account in self.accounts},
        }


class Arena:
    """A stack with what it answers undisturbed; trials follow each other on it."""

    def __init__(self, stack: LocalStack, client: AsyncClient, screening: Screening, disk: SmallDisk | None) -> None:
        self._stack, self._client, self._screening, self._disk = stack, client, screening, disk
        self._beside: dict[str, Work] = {"jobs": Jobs(), "campaigns": Loops()}
        self._learned: set[str] = set()
        self._n_trials = 0
        self._answered: list[int] = [0] * _CALLERS
        self._last_answer = 0.0

    async def learn(self) -> None:
        await self._screening.learn(self._client)

    async def tried(self, fault: Fault, n_items: int) -> Trial:
        """One trial, from the first message until the stack is ready again."""
        works = [self._beside[name] for name in fault.beside]
        for work in works:
            if work.kind not in self._learned:
                await work.learn(self._client)
                self._learned.add(work.kind)
        trial = Trial(fault, [Account("screens"), *(Account(work.kind) for work in works)])
        self._n_trials += 1
        self._answered, began = [0] * _CALLERS, time.monotonic()
        self._last_answer = began
        striking = asyncio.create_task(self._strike(trial, n_items))
        beside = [
            asyncio.create_task(work.once(self._client, "local", self._n_trials, account))
            for work, account in zip(works, trial.accounts[1:], strict=True)
        ]
        rows = np.random.default_rng(self._n_trials).integers(self._screening.size, size=n_items).tolist()
        shares = [rows[caller::_CALLERS] for caller in range(_CALLERS)]
        await asyncio.gather(*(self._screened(caller, share, trial) for caller, share in enumerate(shares)))
        trial.seconds = time.monotonic() - began
        await asyncio.gather(striking, *beside)
        for work, account in zip(works, trial.accounts[1:], strict=True):
            await work.settle(self._client, "local", account)
        trial.survived = await self._is_back(fault)
        return trial

    async def _screened(self, caller: int, rows: Sequence[int], trial: Trial) -> None:
        def on_answer(count: int) -> None:
            now = time.monotonic()
            trial.longest_silence = max(trial.longest_silence, now - self._last_answer)
            self._last_answer, self._answered[caller] = now, count

        bypass = trial.fault.bypasses_cache
        await self._screening.screened(self._client, rows, trial.accounts[0], on_answer, bypass_cache=bypass)

    async def _strike(self, trial: Trial, n_items: int) -> None:
        fault = trial.fault
        for share in _STRIKES_AT[: fault.n_strikes]:
            while sum(self._answered) < share * n_items:  # noqa: ASYNC110 - every answer would set an event
                await asyncio.sleep(_LOOK_SECONDS)
            if fault.part == DISK:
                await self._fill()
                continue
            pid = await self._one_of(fault.part)
            if pid is None:
                return
            trial.struck.append(pid)
            if fault.how is How.KILL:
                kill(pid)
            else:
                await asyncio.to_thread(stop_for, pid, STOP_SECONDS)

    async def _one_of(self, part: str) -> int | None:
        """A process of the part, which may just be starting again; None if it stays away."""
        limit = time.monotonic() + _AWAY_SECONDS
        while time.monotonic() < limit:
            if pids := (await asyncio.to_thread(pids_by_part, self._stack.pid)).get(part):
                return min(pids)
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def _fill(self) -> None:
        if self._disk is None:
            raise RuntimeError("this stack has no small disk")
        await asyncio.to_thread(self._disk.fill)
        await asyncio.sleep(_DISK_HAS_ROOM_AFTER_SECONDS)
        await asyncio.to_thread(self._disk.make_room)

    async def _is_back(self, fault: Fault) -> bool:
        """Whether the stack is ready, and has a process of the part again."""
        limit = time.monotonic() + _BACK_SECONDS
        while time.monotonic() < limit and is_running(self._stack.pid):
            there = fault.part == DISK or fault.part in await asyncio.to_thread(pids_by_part, self._stack.pid)
            if there and await self._client.is_ready(5):
                return True
            await asyncio.sleep(1)
        return False
