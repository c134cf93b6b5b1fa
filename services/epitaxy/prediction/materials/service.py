"""Answers of one substrate of molecules, polymers or compositions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from epitaxy.chassis.errors import DeadlineExceededError
from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.domain import Answer, BlockAnswer, Item, MaterialSource, Query, ReadMaterial, Refusal
from epitaxy.prediction.intake.materials import NO_SUBSTRATE, MaterialReader
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.materials.work_queue import WorkQueue
from epitaxy.prediction.ports import CacheTier, Embedding, MaterialCache, PredictionMetrics, Stage
from epitaxy.prediction.service import count_answers
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.readout import Reading
from epitaxy_models.errors import UnsupportedElementError
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import ReviewPolicy
from epitaxy_models.substrates.material_catalogue import AnyMaterialSubstrate

_EMBEDDED_BYTES, _READINGS_BYTES = 32 * 2**20, 16 * 2**20
_OVERHEAD_BYTES, _READING_BYTES = 1500, 900
# A block of 512 large molecules on one busy core stays below this.
_TIMEOUT_SECONDS = 120.0
MAX_QUEUED = 50_000
NO_ATOMS = np.zeros(0, dtype=np.uint8)
Found = dict[bytes, tuple["EmbeddedMaterial | Refusal", bool]]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedMaterial:
    """A material with its graph and its embedding ``[n_members, embedding_width]``."""

    read: ReadMaterial
    graph: CrystalGraph
    embedding: Embedding

    @property
    def n_bytes(self) -> int:
        """Size of the arrays, and of what Python and RDKit keep around them."""
        graph = self.graph
        return self.embedding.nbytes + graph.distances.nbytes + graph.sources.nbytes + _OVERHEAD_BYTES


class MaterialService:
    """Answers blocks of materials with one substrate; every item ends in an answer or its own refusal."""

    def __init__(
        self,
        substrate: AnyMaterialSubstrate,
        metrics: PredictionMetrics,
        policy: ReviewPolicy,
        shared: MaterialCache | None = None,
        max_queued: int = MAX_QUEUED,
        own_hits: OwnHits | None = None,
    ) -> None:
        """``shared`` is the cache of replicas, ``own_hits`` what they know of who asked.

        Beyond ``max_queued`` materials that wait, calls are shed. Limits of the policy on properties that this
        substrate does not have are left out.
        """
        self.substrate, self._metrics, self._shared = substrate, metrics, shared
        self._names = [entry.definition.name for entry in substrate.card.properties]
        widths = {name: width for name, width in policy.max_interval_width.items() if name in self._names}
        self.policy = replace(policy, max_interval_width=widths)
        self._own_hits = own_hits or OwnHits()
        # The queue's thread owns the reader, the event loop the caches.
        self._reader = MaterialReader()
        self._embedded: LruCache[EmbeddedMaterial] = LruCache(_EMBEDDED_BYTES, lambda entry: entry.n_bytes)
        self._readings: LruCache[Reading] = LruCache(_READINGS_BYTES, lambda _: _READING_BYTES)
        self.queue = WorkQueue(max_queued, lambda waiting: metrics.set_queued_materials(waiting, max_queued))

    @property
    def label(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.substrate.card.name}:{self.substrate.card.version}"

    async def evaluate(self, items: Sequence[Item], query: Query) -> BlockAnswer:
        """Predictions for all items; arrays hold one row per answered item.

        Raises OverloadedError if the queue is full, DeadlineExceededError if the time runs out.
        """
        async with self._admitted(len(items)):
            read = await self._take_in(items)
            by_digest = {entry.digest: entry for entry in read if isinstance(entry, ReadMaterial)}
            held = {} if query.bypass_cache else await self._held(list(by_digest))
            missing = [entry for digest, entry in by_digest.items() if digest not in held]
            found = await self._look_up(missing, bypass_cache=query.bypass_cache) if missing else {}
            new = await self._read_out({key: entry for key, (entry, _) in found.items()})
        known = {digest: (reading, True) for digest, reading in held.items()}
        known |= {digest: (reading, found[digest][1]) for digest, reading in new.items()}
        refused = {digest: entry for digest, (entry, _) in found.items() if isinstance(entry, Refusal)}
        answers, rows = _merged(items, read, known, refused)
        block = self._block(await self._told(answers), rows, query)
        self.count(block.answers, items)
        return block

    async def embed(
        self, items: Sequence[Item], *, bypass_cache: bool = False
    ) -> tuple[list[Answer], list[EmbeddedMaterial]]:
        """Answers, and what their rows point to. Raises as ``evaluate`` does."""
        async with self._admitted(len(items)):
            read = await self._take_in(items)
            by_digest = {entry.digest: entry for entry in read if isinstance(entry, ReadMaterial)}
            found = await self._look_up(list(by_digest.values()), bypass_cache=bypass_cache, is_shared=True)
        refused = {digest: entry for digest, (entry, _) in found.items() if isinstance(entry, Refusal)}
        known = {key: (entry, hit) for key, (entry, hit) in found.items() if isinstance(entry, EmbeddedMaterial)}
        answers, rows = _merged(items, read, known, refused)
        return await self._told(answers), rows

    async def _told(self, answers: Sequence[Answer]) -> list[Answer]:
        """The answers, which tell hits of the caller's own tenant only."""
        is_hit = {
            answer.outcome.digest: answer.is_cache_hit for answer in answers if not isinstance(answer.outcome, Refusal)
        }
        told = await self._own_hits.own(is_hit)
        return [
            answer if isinstance(answer.outcome, Refusal) else replace(answer, is_cache_hit=told[answer.outcome.digest])
            for answer in answers
        ]

    def domains(self, rows: Sequence[EmbeddedMaterial]) -> tuple[DomainScore, ...]:
        """How near materials lie to what the substrate was pretrained on."""
        return self.substrate.domains(*_columns(rows))

    def count(self, answers: Sequence[Answer], items: Sequence[Item]) -> None:
        """Counts the outcomes of these materials."""
        sources = (item.source for item in items)
        kinds = [one.kind if isinstance(one, MaterialSource) else MaterialKind.STRUCTURE for one in sources]
        count_answers(self._metrics, answers, kinds)

    def _block(self, answers: Sequence[Answer], rows: Sequence[Reading], query: Query) -> BlockAnswer:
        with self.timed(Stage.READOUT):
            judged_at = self.policy.interval_coverage if self.policy.judges_widths else None
            prediction = self.substrate.answer(rows, query.coverage, judged_at)
            reads = [answer.outcome for answer in answers if isinstance(answer.outcome, ReadMaterial)]
            # Asking for the elements of a molecule takes longer than all else here.
            atoms = [read.sample.atomic_numbers if self.policy.forbidden_elements else NO_ATOMS for read in reads]
            reviews = self.policy.judge(atoms, prediction.domains, self._names, prediction.judged_widths)
        return BlockAnswer(tuple(answers), prediction, reviews)

    async def _take_in(self, items: Sequence[Item]) -> list[ReadMaterial | Refusal]:
        return await self.queue.map(items, self._read)

    def _read(self, items: Sequence[Item]) -> list[ReadMaterial | Refusal]:
        with self.timed(Stage.PARSE):
            return [self._read_one(item) for item in items]

    def _read_one(self, item: Item) -> ReadMaterial | Refusal:
        source = item.source
        if isinstance(source, Refusal):
            return source
        if isinstance(source, MaterialSource) and source.kind in self.substrate.kinds:
            try:
                return self._reader.read(source)
            except Exception as error:
                return failure(error)
        asked = source.kind.value if isinstance(source, MaterialSource) else "structure"
        kinds = " and ".join(f"{kind.value}s" for kind in self.substrate.kinds)
        message = f"{self.substrate.card.name} answers {kinds}, and this is a {asked}: ask a model of that kind"
        return Refusal(NO_SUBSTRATE, message)

    async def _held(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """Readings of materials that were answered before, here or by another replica."""
        held = {digest: reading for digest in digests if (reading := self._readings.get(digest)) is not None}
        self._metrics.count_cache(CacheTier.LOCAL, len(held))
        missing = [digest for digest in digests if digest not in held]
        if not missing or self._shared is None:
            return held
        with self.timed(Stage.CACHE_READ):
            shared = await self._shared.readings(missing)
        self._metrics.count_cache(CacheTier.SHARED, len(shared))
        for digest, reading in shared.items():
            self._readings.put(digest, reading)
        return held | shared

    async def _look_up(self, read: Sequence[ReadMaterial], *, bypass_cache: bool, is_shared: bool = False) -> Found:
        """What is known of each material by digest, and whether the network did not run for it.

        With ``is_shared`` other replicas' embeddings count: tenants' models need them, an answer its reading alone.
        """
        local = {} if bypass_cache else {entry.digest: self._embedded.get(entry.digest) for entry in read}
        found: Found = {digest: (entry, True) for digest, entry in local.items() if entry is not None}
        self._metrics.count_cache(CacheTier.LOCAL, len(found))
        missing = [entry for entry in read if entry.digest not in found]
        shared = self._shared if is_shared else None
        known: Mapping[bytes, Embedding] = {}
        if missing and shared is not None and not bypass_cache:
            with self.timed(Stage.CACHE_READ):
                known = await shared.embeddings([entry.digest for entry in missing])
            self._metrics.count_cache(CacheTier.SHARED, len(known))
        self._metrics.count_cache(CacheTier.MISS, len(missing) - len(known))
        computed = await self.queue.map(missing, lambda piece: self._embed(piece, known))
        for entry, result in zip(missing, computed, strict=True):
            found[entry.digest] = result, entry.digest in known
            if isinstance(result, EmbeddedMaterial):
                self._embedded.put(entry.digest, result)
        new = {
            key: entry.embedding for key, (entry, hit) in found.items() if not hit and not isinstance(entry, Refusal)
        }
        if new and shared is not None:
            with self.timed(Stage.CACHE_WRITE):
                await shared.put({}, new)
        return found

    def _embed(
        self, read: Sequence[ReadMaterial], known: Mapping[bytes, Embedding]
    ) -> list[EmbeddedMaterial | Refusal]:
        with self.timed(Stage.GRAPH):
            graphs = self._graphs(read)
        places = [at for at, graph in enumerate(graphs) if isinstance(graph, CrystalGraph)]
        unknown = [at for at in places if read[at].digest not in known]
        with self.timed(Stage.EMBED):
            embeddings = self.substrate.embed([graphs[at] for at in unknown])  # type: ignore[misc]  # those are graphs
        # A copy: a view would keep the whole block in memory.
        embedded = dict(known) | {read[at].digest: row.copy() for at, row in zip(unknown, embeddings, strict=True)}
        return [
            _checked(EmbeddedMaterial(entry, graph, embedded[entry.digest]))
            if isinstance(graph, CrystalGraph)
            else graph
            for entry, graph in zip(read, graphs, strict=True)
        ]

    def _graphs(self, read: Sequence[ReadMaterial]) -> list[CrystalGraph | Refusal]:
        try:
            materials: list[Any] = [entry.sample.material for entry in read]
            built = self.substrate.featurize_all(materials)
        except Exception as error:
            return [failure(error) for _ in read]
        return [
            graph
            if isinstance(graph, CrystalGraph)
            else Refusal(graph.reason, graph.message)
            if isinstance(graph, UnsupportedElementError)
            else failure(graph)
            for graph in built
        ]

    async def _read_out(self, found: Mapping[bytes, EmbeddedMaterial | Refusal]) -> dict[bytes, Reading]:
        """Readings of the embeddings that were found, kept for the next time and for other replicas."""
        entries = [(digest, entry) for digest, entry in found.items() if isinstance(entry, EmbeddedMaterial)]
        rows = await self.queue.map([entry for _, entry in entries], self._readings_of)
        new = {digest: row for (digest, _), row in zip(entries, rows, strict=True)}
        for digest, reading in new.items():
            self._readings.put(digest, reading)
        if new and self._shared is not None:
            with self.timed(Stage.CACHE_WRITE):
                await self._shared.put(new, {})
        return new

    def _readings_of(self, rows: Sequence[EmbeddedMaterial]) -> list[Reading]:
        with self.timed(Stage.READOUT):
            _, graphs, embeddings = _columns(rows)
            return self.substrate.readings(graphs, embeddings)

    @asynccontextmanager
    async def _admitted(self, n: int) -> AsyncIterator[None]:
        """A place in the queue for ``n`` materials, as long as the caller waits."""
        self.queue.admit(n)
        left = current_request().seconds_left()
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS if left is None else min(left, _TIMEOUT_SECONDS)):
                yield
        except TimeoutError as error:
            raise DeadlineExceededError("the time allowed ran out before the materials were done") from error
        finally:
            self.queue.release(n)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Observes what a stage of one block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.observe_stage(stage, time.perf_counter() - start)


def _checked(entry: EmbeddedMaterial) -> EmbeddedMaterial | Refusal:
    """What can be answered and kept: a number that overflowed would be served from the cache for days."""
    if np.isfinite(entry.embedding).all():
        return entry
    return failure(ArithmeticError("the embedding is not finite"))


def _merged(
    items: Sequence[Item],
    read: Sequence[ReadMaterial | Refusal],
    known: Mapping[bytes, tuple[Any, bool]],
    refused: Mapping[bytes, Refusal],
) -> tuple[list[Answer], list[Any]]:
    """One answer an item, and what is known of those that are answered, in the order of their rows."""
    answers: list[Answer] = []
    rows: list[Any] = []
    for item, outcome in zip(items, read, strict=True):
        refusal = outcome if isinstance(outcome, Refusal) else refused.get(outcome.digest)
        if refusal is not None or isinstance(outcome, Refusal):
            answers.append(Answer(item.id, refusal or outcome))
            continue
        entry, is_hit = known[outcome.digest]
        answers.append(Answer(item.id, outcome, len(rows), is_hit))
        rows.append(entry)
    return answers, rows


def _columns(rows: Sequence[EmbeddedMaterial]) -> tuple[list[Any], list[CrystalGraph], Embedding]:
    """Materials, graphs and embeddings ``[n_rows, n_members, embedding_width]``; at least one row."""
    materials = [entry.read.sample.material for entry in rows]
    return materials, [entry.graph for entry in rows], np.stack([entry.embedding for entry in rows])
