"""Who is next where calls wait: tenants take turns by what they have had, not by how much they ask for.

Start-time fair queueing (Goyal, Vin and Cheng 1996): a call's place is the virtual time at which its tenant's earlier
calls would have ended if the tenant had had its share to itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class _Call:
    tenant: str
    cost: float
    start: float
    granted: asyncio.Future[None] = field(repr=False)


class FairTurns:
    """Lets a few calls run at once, and the others wait for their turn. The event loop owns it.

    Args:
        max_running: Calls that run at once, whatever they cost.
        small_cost: More of them run while all that run cost less than this together.
        n_spare: Further calls, each of a tenant of which nothing runs: it need not wait for those who came before.
    """

    def __init__(self, max_running: int, small_cost: float = 0.0, n_spare: int = 0) -> None:
        self._max_running, self._small_cost, self._n_spare = max_running, small_cost, n_spare
        self._waiting: list[_Call] = []
        self._running: Counter[str] = Counter()
        self._cost = 0.0
        self._virtual = 0.0
        self._ends: dict[str, float] = {}

    @property
    def n_waiting(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, tenant: str, cost: float = 1.0, weight: float = 1.0) -> AsyncIterator[None]:
        """Waits until it is the call's turn, and holds its place inside the block.

        Args:
            tenant: Whose call it is.
            cost: What it takes, in the same unit for all, such as structures.
            weight: Share of the tenant, relative to others that wait.
        """
        call = self._enter(tenant, cost, weight)
        try:
            await call.granted
        except asyncio.CancelledError:
            if call in self._waiting:
                self._waiting.remove(call)
            elif call.granted.done() and not call.granted.cancelled():
                self._leave(call)
            raise
        try:
            yield
        finally:
            self._leave(call)

    def _enter(self, tenant: str, cost: float, weight: float) -> _Call:
        start = max(self._virtual, self._ends.get(tenant, 0.0))
        self._ends[tenant] = start + cost / weight
        call = _Call(tenant, cost, start, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        self._grant()
        return call

    def _leave(self, call: _Call) -> None:
        self._running[call.tenant] -= 1
        if not self._running[call.tenant]:
            del self._running[call.tenant]
        self._cost -= call.cost
        self._grant()
        if not self._waiting and not self._running:
            # Nobody is owed anything.
            self._virtual, self._cost = 0.0, 0.0
            self._ends.clear()

    def _grant(self) -> None:
        while (call := self._next()) is not None:
            self._waiting.remove(call)
            self._running[call.tenant] += 1
            self._cost += call.cost
            self._virtual = max(self._virtual, call.start)
            call.granted.set_result(None)

    def _next(self) -> _Call | None:
        """The call whose turn it is, None if all have to wait. Of equal ones, the one that came first."""
        if not self._waiting:
            return None
        n_running = self._running.total()
        has_room = n_running < self._max_running or self._cost < self._small_cost
        candidates = self._waiting
        if not has_room:
            if n_running >= self._max_running + self._n_spare:
                return None
            candidates = [call for call in self._waiting if call.tenant not in self._running]
        return min(candidates, key=lambda call: call.start, default=None)
