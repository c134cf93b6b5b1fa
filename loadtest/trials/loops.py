"""Campaigns: a pool, batches, results; the same pool, results and seed have to give the same batches."""

from typing import Any

from epitaxy.client import AsyncClient
from epitaxy.client.campaigns.results import Batch
from epitaxy.client.errors import EpitaxyClientError
from loadtest.trials.accounts import Account, Answer
from loadtest.trials.work import crystals, patiently

_N_CANDIDATES = 60
_N_ROUNDS = 3
_BATCH = 4
_READY_SECONDS = 240.0


def truth(candidate: str) -> float:
    """The measured value of a candidate, which its name decides."""
    return (sum(map(ord, candidate)) * 37 % 101) / 20


class Loops:
    """Closed loops over one pool."""

    kind = "campaigns"
    pause_seconds = 8.0

    def __init__(self) -> None:
        self._pool = crystals(_N_CANDIDATES)
        self._expected: list[list[str]] = []

    async def learn(self, client: AsyncClient) -> None:
        account = Account(self.kind)
        name = "reference"
        await self._ready(client, name)
        for turn in range(_N_ROUNDS):
            batch = await self._turn(client, name, turn, account)
            self._expected.append([one.id for one in batch] if batch is not None else [])
        await client.campaigns.delete(name, confirm=True)
        if account.notes:
            raise RuntimeError(f"the undisturbed campaign failed: {account.notes[0]}")

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        name = f"soak-{tenant}-{number}"
        account.asked += _N_ROUNDS * _BATCH
        if await patiently(account, name, lambda: self._ready(client, name)) is None:
            account.lost += _N_ROUNDS * _BATCH - 1
            return
        tickets: list[str] = []
        for turn in range(_N_ROUNDS):
            batch = await self._turn(client, name, turn, account)
            if batch is None:
                account.lost += _BATCH - 1
                continue
            for place, (one, expected) in enumerate(zip(batch, self._expected[turn], strict=True)):
                account.compare(f"{name}, batch {turn}, place {place}", [_named(expected)], _named(one.id))
            tickets += [one.ticket for one in batch]
        account.doubled += len(tickets) - len(set(tickets))
        await self._close(client, name, len(tickets), account)

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None:
        """None of the deleted campaigns is left, and none of another tenant's is seen."""
        left = await patiently(account, "list of campaigns", lambda: _names(client))
        if left is not None:
            account.check(f"campaigns of {tenant} that are left", [], left)

    async def _ready(self, client: AsyncClient, name: str) -> Any:
        options: dict[str, Any] = {"batch": _BATCH, "seed": 7, "request_id": f"create-{name}"}
        await client.campaigns.create(name, self._pool, "gap:max", "eV", **options)
        return await client.campaigns.wait_until_ready(name, _READY_SECONDS)

    async def _turn(self, client: AsyncClient, name: str, turn: int, account: Account) -> Batch | None:
        """One batch and its results, each call as a robot makes it: with an id, so that it may be made again."""
        campaigns = client.campaigns
        asked = f"batch-{turn}"
        batch = await patiently(account, name, lambda: campaigns.recommend(name, request_id=asked))
        if batch is None:
            return None
        rows = [{"ticket": one.ticket, "gap": truth(one.id)} for one in batch]
        report = await patiently(
            account, name, lambda: campaigns.report_results(name, rows, unit="eV", request_id=f"report-{turn}")
        )
        if report is not None:
            account.check(f"{name}, results {turn}", [], [one.error for one in report.refused])
        return batch

    async def _close(self, client: AsyncClient, name: str, n_results: int, account: Account) -> None:
        standing = await patiently(account, name, lambda: client.campaigns.get(name))
        if standing is not None:
            account.check(f"{name}: results and pending", (n_results, 0), (standing.n_results, standing.n_pending))
        await patiently(account, name, lambda: _deleted(client, name))


def _named(candidate: str) -> Answer:
    return {"candidate": candidate}


async def _names(client: AsyncClient) -> list[str]:
    return [campaign.name async for campaign in client.campaigns.list()]


async def _deleted(client: AsyncClient, name: str) -> bool:
    """Deletes a campaign, which a call before may have done whose answer was lost."""
    try:
        await client.campaigns.delete(name, confirm=True)
    except EpitaxyClientError as error:
        if error.reason != "UNKNOWN_CAMPAIGN":
            raise
    return True
