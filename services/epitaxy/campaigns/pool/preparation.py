"""Prepares pools in the background: reads files, has candidates featurized, counts what rules leave.

Work that was interrupted goes on where it stopped.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Protocol

from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.events import FileRead, Happening, PoolFailed, PoolReady
from epitaxy.campaigns.domain.record import CampaignRecord, Chunk
from epitaxy.campaigns.pool.cells import MIXED_KINDS, kind_of
from epitaxy.campaigns.pool.features import Fact, FeatureFolder, Featurized
from epitaxy.campaigns.pool.file_rows import CHUNK_ROWS, read_candidates
from epitaxy.campaigns.pool.ids import IdIndex
from epitaxy.campaigns.pool.pools import Pools
from epitaxy.campaigns.pool.rules import allowed_rows
from epitaxy.campaigns.pool.table import PoolTable
from epitaxy.campaigns.ports import CampaignKey, unknown_campaign
from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, QuotaExceededError, RetryLaterError
from epitaxy.chassis.storage import is_storage_full, storage_full
from epitaxy.rooted_files.opening import RootedFiles
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.materials import MaterialKind

logger = logging.getLogger(__name__)

NO_CANDIDATE = "NO_USABLE_CANDIDATE"
SUBSTRATE_NAMES = {
    MaterialKind.COMPOSITION: "substrate-composition",
    MaterialKind.MOLECULE: "substrate-molecule",
    MaterialKind.POLYMER: "substrate-molecule",
}
"""Substrates of materials without a crystal, unless the campaign names one."""
_MOST_PAUSE_SECONDS = 10.0


class FeatureSource(Protocol):
    """Computes features; see `FeatureClient`."""

    async def substrate(self, tenant: str, name: str, version: str) -> str:
        """Digest of the weights that will answer."""

    async def featurize(self, tenant: str, name: str, version: str, structures: list[bytes]) -> Featurized:
        """Features of structures."""


class PoolObserver(Protocol):
    """Is told how the work goes. An observer MUST neither raise nor block."""

    def featurized(self, seconds: float) -> None:
        """One chunk was answered."""

    def featurize_failed(self) -> None:
        """One chunk has to be asked again."""


class Records(Protocol):
    """Reads and adds to logs."""

    def record(self, key: CampaignKey) -> CampaignRecord:
        """The record as of now. Raises NotFoundError for a deleted campaign."""

    def add(self, key: CampaignKey, happening: Happening) -> None:
        """Adds an entry."""

    def waiting(self) -> list[CampaignKey]:
        """Campaigns whose pools have to be prepared."""


@dataclass(frozen=True, slots=True)
class PoolSubstrate:
    """What features of a pool come from."""

    kind: MaterialKind
    name: str
    version: str
    digest: str

    def of_kind(self, candidate: Candidate) -> Candidate:
        """The candidate; with a fault if it is a material of another kind than the pool's."""
        if candidate.fault is not None:
            return candidate
        kind = kind_of(candidate.structure)
        if kind is self.kind:
            return candidate
        text = f"the pool is of {self.kind.value}s, and this is a {kind.value}: give it a campaign of its own"
        return replace(candidate, fault=(MIXED_KINDS, text))


@dataclass(slots=True)
class Progress:
    """Rows that are done, of pools that are being prepared; also refused ones among them."""

    n_done: int = 0
    n_refused: int = 0


@dataclass(slots=True)
class Preparation:
    """Looks for pools to prepare, and prepares some at once.

    Attributes:
        files: Opens the tenants' files.
        window: Chunks that are asked for at once, over all pools.
        max_candidates: Most candidates of a pool.
        progress: Of the pools that are at work, by campaign id.
    """

    records: Records
    pools: Pools
    source: FeatureSource
    files: RootedFiles
    observer: PoolObserver
    window: asyncio.Semaphore
    max_candidates: Callable[[str], int]
    poll_seconds: float = 5.0
    progress: dict[str, Progress] = field(default_factory=dict)
    _kicked: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def kick(self) -> None:
        """Looks at once; call it in the event loop."""
        self._kicked.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        try:
            while True:
                self._kicked.clear()
                await self._start_waiting()
                try:
                    await asyncio.wait_for(self._kicked.wait(), self.poll_seconds)
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _start_waiting(self) -> None:
        try:
            waiting = await asyncio.to_thread(self.records.waiting)
        except RetryLaterError as error:
            logger.warning("cannot look for pools", extra={"reason": error.message})
            return
        for key in waiting:
            if key.id not in self._tasks:
                task = asyncio.create_task(self._keep_preparing(key))
                self._tasks[key.id] = task
                task.add_done_callback(partial(self._end, key.id))

    def _end(self, campaign_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(campaign_id, None)

    async def _keep_preparing(self, key: CampaignKey) -> None:
        """Prepares one pool; what passes is tried again, a fault of ours ends this try and is in the log."""
        pause = 0.2
        while True:
            try:
                await self._prepare(key)
            except NotFoundError as error:
                if error.reason != unknown_campaign().reason:
                    logger.exception("preparing a pool failed", extra={"campaign": key.name})
                    await asyncio.sleep(_MOST_PAUSE_SECONDS)
                else:  # deleted meanwhile: what was written after that goes, too
                    await asyncio.to_thread(self.pools.delete, key)
            except RetryLaterError as error:
                logger.warning("a pool waits", extra={"campaign": key.name, "reason": error.message})
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MOST_PAUSE_SECONDS)
                continue
            except Exception as error:
                if is_storage_full(error):  # what is prepared is kept, and the rest follows once there is room
                    logger.warning("a pool waits", extra={"campaign": key.name, "reason": storage_full("it").message})
                else:
                    logger.exception("preparing a pool failed", extra={"campaign": key.name})
                await asyncio.sleep(_MOST_PAUSE_SECONDS)
            break
        self.progress.pop(key.id, None)

    async def _prepare(self, key: CampaignKey) -> None:
        record = await asyncio.to_thread(self.records.record, key)
        if record.is_file_waiting and record.needs_preparation:
            await self._read_file(key, record)
            record = await asyncio.to_thread(self.records.record, key)
        while record.needs_preparation:
            try:
                digest = await self._featurize(key, record)
            except NotFoundError as error:
                if error.reason not in ("UNKNOWN_MODEL", "UNKNOWN_VERSION"):
                    raise
                return await self._fail(key, error.reason, error.message)
            await asyncio.to_thread(self._finish, key, record, digest)
            record = await asyncio.to_thread(self.records.record, key)
        return None

    async def _read_file(self, key: CampaignKey, record: CampaignRecord) -> None:
        try:
            n_rows = await asyncio.to_thread(self._spool, key, record)
        except RetryLaterError as error:
            if not isinstance(error, QuotaExceededError):
                raise
            return await self._fail(key, error.reason, error.message)
        except EpitaxyError as error:
            return await self._fail(key, error.reason, error.message)
        if not n_rows:
            return await self._fail(key, NO_CANDIDATE, "the pool's file has no rows")
        await asyncio.to_thread(self.records.add, key, FileRead(n_rows, CHUNK_ROWS))
        return None

    def _spool(self, key: CampaignKey, record: CampaignRecord) -> int:
        """Keeps the file in chunks; from the start again if it was interrupted."""
        if record.file is None:
            raise ValueError("the campaign has no file")
        pool, n_rows, most = self.pools.open(key), 0, self.max_candidates(key.tenant)
        ids = IdIndex()
        with self.files.open(key.tenant, record.file.uri) as file:
            for number, candidates in enumerate(read_candidates(file, record.file)):
                n_rows += len(candidates)
                if n_rows > most:
                    text = f"the pool's file has more than {most} rows, which is the quota: make it smaller"
                    raise QuotaExceededError(text, reason="CANDIDATE_QUOTA")
                _add_ids(ids, candidates)
                pool.files.write(number, candidates)
        return n_rows

    async def _featurize(self, key: CampaignKey, record: CampaignRecord) -> str:
        """Asks for all chunks that have no features yet; the digest of the substrate."""
        kind = await asyncio.to_thread(self._kind, key, record)
        name, version, digest = await self._substrate(key, record, kind)
        features = FeatureFolder(self.pools.open(key).folder, digest)
        todo = [chunk for chunk in record.chunks if not features.has(chunk.number)]
        progress = self.progress[key.id] = Progress(record.n_rows - sum(chunk.n_rows for chunk in todo))
        lane = asyncio.Semaphore(2)
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in todo:
                    await lane.acquire()
                    substrate = PoolSubstrate(kind, name, version, digest)
                    task = group.create_task(self._one(key, record, chunk, features, substrate, progress))
                    task.add_done_callback(lambda _: lane.release())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return digest

    def _kind(self, key: CampaignKey, record: CampaignRecord) -> MaterialKind:
        """What the pool's first usable candidate is; the others have to be the same."""
        files = self.pools.open(key).files
        candidates = chain.from_iterable(files.read(chunk.number) for chunk in record.chunks)
        first = next((entry for entry in candidates if entry.fault is None), None)
        return MaterialKind.STRUCTURE if first is None else kind_of(first.structure)

    async def _substrate(self, key: CampaignKey, record: CampaignRecord, kind: MaterialKind) -> tuple[str, str, str]:
        """Name, version and digest: those of the rows that are ready, as long as they are served."""
        if record.pool is not None:
            name, _, version = record.pool.substrate.partition(":")
            try:
                return name, version, await self.source.substrate(key.tenant, name, version)
            except NotFoundError:
                logger.warning("a pool's substrate is served no more", extra={"campaign": key.name})
        wanted = record.known_spec.base_model or SUBSTRATE_NAMES.get(kind, "")
        return wanted, "", await self.source.substrate(key.tenant, wanted, "")

    async def _one(
        self,
        key: CampaignKey,
        record: CampaignRecord,
        chunk: Chunk,
        features: FeatureFolder,
        substrate: PoolSubstrate,
        progress: Progress,
    ) -> None:
        """Has one chunk featurized, however often it takes."""
        pause = 0.2
        while True:
            try:
                async with self.window:
                    found = await self._ask(key, chunk, substrate)
                break
            except RetryLaterError:
                self.observer.featurize_failed()
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MOST_PAUSE_SECONDS)
                await asyncio.to_thread(self.records.record, key)  # raises if it was deleted meanwhile
        await asyncio.to_thread(features.write, chunk.number, chunk.start, record.n_rows, found)
        progress.n_done += chunk.n_rows
        progress.n_refused += sum(bool(fact.reason) for fact in found.facts)

    async def _ask(self, key: CampaignKey, chunk: Chunk, substrate: PoolSubstrate) -> Featurized:
        candidates = await asyncio.to_thread(self.pools.open(key).files.read, chunk.number)
        candidates = [substrate.of_kind(entry) for entry in candidates]
        good = [entry.structure for entry in candidates if entry.fault is None]
        began = perf_counter()
        found = await self.source.featurize(key.tenant, substrate.name, substrate.version, good)
        if found.mark.digest != substrate.digest:
            raise RetryLaterError("the substrate was replaced meanwhile", reason="SUBSTRATE_REPLACED")
        self.observer.featurized(perf_counter() - began)
        facts = iter(found.facts)
        joined = [next(facts) if entry.fault is None else Fact(*entry.fault) for entry in candidates]
        return Featurized(found.mark, joined, found.blocks, found.estimates)

    def _finish(self, key: CampaignKey, record: CampaignRecord, digest: str) -> None:
        features = FeatureFolder(self.pools.open(key).folder, digest)
        if not features.has_features:
            reasons = chain.from_iterable(features.facts(chunk.number)["reason"].to_pylist() for chunk in record.chunks)
            self.records.add(
                key, PoolFailed(NO_CANDIDATE, f"no candidate can be used: {', '.join(sorted(set(reasons)))}")
            )
            return
        table = self.pools.build(key, record, digest)
        self.records.add(key, ready_event(table, record, features))

    async def _fail(self, key: CampaignKey, reason: str, message: str) -> None:
        await asyncio.to_thread(self.records.add, key, PoolFailed(reason, message))


def _add_ids(ids: IdIndex, candidates: Sequence[Candidate]) -> None:
    for entry in candidates:
        if ids.row_of(entry.id) is not None:
            raise InvalidRequestError(f"the pool's file has the id {entry.id[:80]!r} twice", reason="DUPLICATE_ID")
        ids.add([entry.id])


def ready_event(table: PoolTable, record: CampaignRecord, features: FeatureFolder) -> PoolReady:
    """What a pool turned out to be."""
    own = ~table.is_outside
    measured = measured_properties(record)
    _, counts = allowed_rows(table, record.known_spec.rules, record.constraints, measured)
    refused = int(((table.standing < 0) & own).sum())
    n_ready = int(table.is_candidate.sum())
    mark = features.mark
    return PoolReady(
        n_rows=table.n_rows,
        n_ready=n_ready,
        n_refused=refused,
        n_copies=int(own.sum()) - refused - n_ready,
        refusals=table.refusals(),
        substrate=f"{mark.name}:{mark.version}",
        weights_digest=mark.digest,
        counts=counts,
    )


def measured_properties(record: CampaignRecord) -> frozenset[str]:
    """Properties that only results tell."""
    return frozenset(entry.property for entry in record.objectives)
