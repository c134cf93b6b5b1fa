"""Fine-tune jobs with their reports, and measurements."""

from typing import Any

import numpy as np

from epitaxy.client import AsyncClient
from epitaxy.client.errors import FineTuneFailedError
from loadtest import corpus
from loadtest.trials.accounts import Account, Answer
from loadtest.trials.work import answer_of, patiently

_N_LABELS = 40
_ROWS_A_REPORT = 6
_JOB_SECONDS = 900.0


def labels(count: int) -> list[dict[str, Any]]:
    """Rows of crystals with a value that the volume and the heaviest element decide."""
    rows = []
    for number, structure in enumerate(corpus.crystals(None, count)):
        volume = float(abs(np.linalg.det(structure.lattice))) / structure.n_sites
        cell = {
            "lattice": structure.lattice.tolist(),
            "species": structure.atomic_numbers.tolist(),
            "frac": structure.frac_coords.tolist(),
        }
        value = volume / 10 + 0.01 * float(structure.atomic_numbers.max())
        rows.append({"id": f"row-{number}", "structure": cell, "value": value})
    return rows


class Jobs:
    """Jobs over the same labels with the same seed, which have to find the same; each report is read."""

    kind = "fine-tune jobs"
    pause_seconds = 10.0

    def __init__(self) -> None:
        self._labels = labels(_N_LABELS)
        self._expected: Answer = {}
        self._reference = ""
        self.accepted: dict[str, list[str]] = {}
        """Ids of jobs that the server took, by tenant."""

    async def learn(self, client: AsyncClient) -> None:
        job = await self._created(client, "reference")
        self._expected, self._reference = await self._ended(job), job.id

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        account.asked += 1
        name = f"job {number} of {tenant}"
        job = await patiently(account, name, lambda: self._created(client, f"{tenant}-{number}"))
        if job is None:
            return
        self.accepted.setdefault(tenant, []).append(job.id)
        found = await patiently(account, name, lambda: self._ended(job))
        if found is not None:
            account.compare(name, [self._expected], found)

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None:
        """The server knows the jobs that it took, all of them ended, and no others."""
        known = await patiently(account, "list of jobs", lambda: _all_jobs(client))
        if known is not None:
            known.pop(self._reference, None)
            account.check(f"jobs of {tenant}", sorted(self.accepted.get(tenant, [])), sorted(known))
            account.check(f"jobs of {tenant} that have not ended", [], [key for key, over in known.items() if not over])

    async def _created(self, client: AsyncClient, name: str) -> Any:
        asked: dict[str, Any] = {"column": "value", "unit": "eV", "property_name": "gap"}
        # The same name and request id: a call that is made again finds the job that the first one made.
        options: dict[str, Any] = {"strategies": ["block_gp"], "accept_suspicious": True, "request_id": f"soak-{name}"}
        return await client.finetune(self._labels, name="soak", **asked, **options)

    async def _ended(self, job: Any) -> Answer:
        try:
            result = await job.wait(_JOB_SECONDS)
        except FineTuneFailedError as error:
            return {"failed": error.reason}
        report = await job.report()
        answer: dict[str, float | str] = {"verdict": result.verdict, "strategy": result.strategy}
        answer |= {f"mae of {name}": mae for name, mae in result.cross_validated_mae.items()}
        return answer | {"parts of the report": float(len(report))}


async def _all_jobs(client: AsyncClient) -> dict[str, bool]:
    """Whether each job has ended."""
    return {status.id: status.has_ended async for status in client.finetune_jobs()}


class Measuring:
    """Measured values, reported twice: each counts once."""

    kind = "measurements"
    pause_seconds = 4.0

    def __init__(self) -> None:
        self._rows = labels(60)
        self._expected: list[Answer] = []
        self._reported: dict[str, int] = {}

    async def learn(self, client: AsyncClient) -> None:
        structures = [(row["id"], row["structure"]) for row in self._rows]
        name, unit = await self._first_property(client)
        self._property, self._unit = name, unit
        answers = [answer_of(result) for result in await client.predict(structures, name)]
        self._expected = [{key: answer[f"{name}.{key}"] for key in ("value", "lower", "upper")} for answer in answers]

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        first = number * _ROWS_A_REPORT
        places = [(first + step) % len(self._rows) for step in range(_ROWS_A_REPORT)]
        rows = [{**self._rows[place], "id": f"m{first + step}"} for step, place in enumerate(places)]
        asked = {"unit": self._unit, "value": "value", "property": self._property}
        report = None
        for _ in range(2):
            report = await patiently(account, f"m{first}", lambda: client.report_measurements(rows, **asked))
        account_names = [row["id"] for row in rows]
        self._reported[tenant] = self._reported.get(tenant, 0) + len(rows)
        if report is None:
            account.asked += len(rows)
            account.lost += len(rows) - 2
            return
        found: list[tuple[int, Answer]] = []
        for position, one in enumerate(report.results):
            if one.error is not None:
                found.append((position, {"error": one.error.reason}))
            else:
                found.append((position, {"value": one.predicted, "lower": one.lower, "upper": one.upper}))
        account.compare_all(account_names, [[self._expected[place]] for place in places], found)

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None:
        health = await patiently(account, "model health", client.model_health)
        if health is not None:
            total = sum(one.n_total for one in health.properties)
            account.check(f"measurements on record of {tenant}", self._reported.get(tenant, 0), total)

    @staticmethod
    async def _first_property(client: AsyncClient) -> tuple[str, str]:
        card = await client.get_model()
        return card.properties[0].name, card.properties[0].unit
