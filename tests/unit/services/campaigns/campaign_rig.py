"""A campaign service without gRPC: real log, real pools, real planner; features from a formula of the structure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from epitaxy.campaigns.books import Shelf
from epitaxy.campaigns.campaigns import Campaigns
from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.events import Happening
from epitaxy.campaigns.domain.limits import CampaignQuota
from epitaxy.campaigns.domain.reporting import GivenResult, GivenValue
from epitaxy.campaigns.domain.spec import CampaignSpec, Goal, Objective
from epitaxy.campaigns.pool.cells import packed_form, read_wire
from epitaxy.campaigns.pool.features import Fact, Featurized, SubstrateMark
from epitaxy.campaigns.pool.pools import Pools
from epitaxy.campaigns.pool.preparation import Preparation
from epitaxy.campaigns.ports import RequestKey
from epitaxy.campaigns.recommending import Recommending
from epitaxy.campaigns.reporting import Reporting, Sample
from epitaxy.campaigns.store.log import SqlCampaignLog
from epitaxy.database.tables import Database
from epitaxy.rooted_files.opening import FileWords, RootedFiles
from epitaxy_models.structures import Structure

WIDTH = 6
TENANT = "acme"
WORDS = FileWords("pools", "send candidates by AddCandidates", "POOL_NOT_ALLOWED", "NO_POOL_FILE")


def crystal(number: int, second: int = 17) -> Structure:
    """A rock salt-like cell whose edge tells its number."""
    edge = 3.6 + 0.01 * number
    return Structure(np.eye(3) * edge, np.array([11, second], dtype=np.uint8), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def truth(number: int) -> float:
    """What measuring a candidate gives: highest at 60."""
    return 5.0 - ((number - 60) / 20) ** 2


def candidates(numbers: Sequence[int], **fields: object) -> list[Candidate]:
    return [Candidate(f"c{number}", packed_form(crystal(number)), **fields) for number in numbers]


def measured(name: str, value: float, *, unit: str = "eV", **fields: object) -> Sample:
    return Sample(GivenResult(id=name, values=(GivenValue("gap", unit, value),), **fields))


def answered(ticket: str, value: float, **fields: object) -> Sample:
    return Sample(GivenResult(ticket=ticket, values=(GivenValue("gap", "eV", value),), **fields))


def spec(name: str = "one", **fields: object) -> CampaignSpec:
    given = {"objectives": (Objective("gap", "eV", Goal.MAXIMIZE),), "batch_size": 4} | fields
    return CampaignSpec(name, **given)


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Source:
    """Features by a formula; counts what it was asked, and fails when told to."""

    def __init__(self) -> None:
        self.n_asked, self.digest, self.version = 0, "sha256:" + "ab" * 32, "1"
        self.failures: list[Exception] = []

    async def substrate(self, tenant: str, name: str, version: str) -> str:
        return self.digest

    async def featurize(self, tenant: str, name: str, version: str, structures: Sequence[bytes]) -> Featurized:
        if self.failures:
            raise self.failures.pop()
        self.n_asked += len(structures)
        facts, rows = [], []
        for content in structures:
            structure = read_wire(content)
            if structure.atomic_numbers.max() > 90:
                facts.append(Fact("UNSUPPORTED_ELEMENT", "the model was never trained on it"))
                continue
            edge = float(structure.lattice[0, 0])
            numbers = sorted(set(structure.atomic_numbers.tolist()))
            # Edges of half an Angstrom more are cells of one crystal, for tests of copies.
            key = f"{round(edge % 10, 3)}{numbers}".encode()
            far = edge > 4.9
            facts.append(
                Fact(
                    key=key,
                    formula="NaCl",
                    elements=bytes(numbers),
                    domain_score=0.99 if far else 0.1,
                    domain_verdict="OUT_OF_DOMAIN" if far else "IN_DOMAIN",
                    review_verdict="REVIEW" if far else "ACCEPT",
                )
            )
            rows.append([np.sin((at + 1) * (edge - 3.6)) for at in range(WIDTH)] + [edge])
        array = np.array(rows, dtype=np.float32).reshape(-1, WIDTH + 1)
        blocks = {"embedding": array[:, :WIDTH], "descriptors": array[:, WIDTH:]} if rows else {}
        estimates = np.stack([array[:, WIDTH], np.full(len(array), 0.1)], axis=1) if rows else np.zeros((0, 2))
        mark = SubstrateMark("fake", self.version, self.digest, {"embedding": WIDTH, "descriptors": 1}, [("edge", "A")])
        return Featurized(mark, facts, blocks, estimates.astype(np.float32))


class Observer:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.scores: list[tuple[int, int]] = []
        self.n_conflicts = self.n_retries = 0

    def happened(self, happening: Happening) -> None:
        self.kinds.append(happening.kind)

    def scored(self, n_predicted: int, n_covered: int) -> None:
        self.scores.append((n_predicted, n_covered))

    def fell_back(self, speaking: str) -> None: ...

    def appended(self, seconds: float) -> None: ...

    def conflict(self) -> None:
        self.n_conflicts += 1

    def featurized(self, seconds: float) -> None: ...

    def featurize_failed(self) -> None:
        self.n_retries += 1


@dataclass
class CampaignRig:
    """One process of the service; `again` is another one on the same database and folder."""

    home: Path
    url: str = ""
    clock: Clock = field(default_factory=Clock)
    source: Source = field(default_factory=Source)
    quota: CampaignQuota = field(default_factory=CampaignQuota)

    def __post_init__(self) -> None:
        self.database = Database(self.url or f"sqlite:///{self.home / 'campaigns.db'}")
        self.log = SqlCampaignLog(self.database)
        self.observer = Observer()
        self.shelf = Shelf(self.log, Pools(self.home / "pools"), self.observer, 8, self.clock)
        self.files = RootedFiles((f"{(self.home / 'open').as_uri()}/{{tenant}}/",), WORDS)
        self.campaigns = Campaigns(self.shelf, self.files, lambda tenant: self.quota, lambda key: None, lambda: None)
        self.recommending = Recommending(self.shelf)
        self.reporting = Reporting(self.shelf, lambda: None)

    def again(self) -> "CampaignRig":
        return CampaignRig(self.home, self.url, self.clock, self.source, self.quota)

    def close(self) -> None:
        self.database.close()

    def prepare(self, tenant: str = TENANT) -> None:
        """Prepares all pools that wait, as the service does in the background."""

        async def work() -> None:
            preparation = self.preparation()
            for key in self.shelf.waiting():
                await preparation._prepare(key)

        asyncio.run(work())

    def preparation(self) -> Preparation:
        return Preparation(
            self.shelf,
            self.shelf.pools,
            self.source,
            self.files,
            self.observer,
            asyncio.Semaphore(2),
            lambda tenant: self.quota.max_candidates,
        )

    def ready(self, numbers: Sequence[int] = range(100), **fields: object) -> str:
        """Creates a campaign with a pool that is ready; its name."""
        wanted = spec(**fields)
        self.campaigns.create(TENANT, wanted, None, None)
        for start in range(0, len(numbers), 32):
            some = candidates(numbers[start : start + 32])
            is_last = start + 32 >= len(numbers)
            self.campaigns.add_candidates(TENANT, wanted.name, some, None, is_last=is_last)
        self.prepare()
        return wanted.name

    def record(self, name: str = "one"):
        return self.shelf.find(TENANT, name).record

    def recommend(self, name: str = "one", n: int = 0, request: str = ""):
        key = RequestKey(request, f"{n}") if request else None
        batch, _ = self.recommending.recommend(self.shelf.find(TENANT, name), n, "robot", key)
        return batch

    def report(self, *samples: Sample, name: str = "one", request: str = "", digest: str = "d"):
        key = RequestKey(request, digest) if request else None
        reported, _ = self.reporting.report(TENANT, name, samples, key)
        return [(told.outcome.value, told.reason) for told in reported.told]
