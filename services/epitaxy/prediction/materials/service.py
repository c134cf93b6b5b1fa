"""Answers of one substrate of molecules, polymers or compositions."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.domain import Answer, BlockAnswer, Item, MaterialSource, Query, ReadMaterial, Refusal
from epitaxy.prediction.intake.materials import NO_SUBSTRATE, MaterialReader
from epitaxy.prediction.intake.reader import failure
from epitaxy.prediction.ports import CacheTier, Embedding, PredictionMetrics, Stage
from epitaxy.prediction.service import count_answers
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.errors import UnsupportedElementError
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.review import ReviewPolicy
from epitaxy_models.substrates.substrate import Substrate

_T = TypeVar("_T")
_CACHE_BYTES = 32 * 2**20
_OVERHEAD_BYTES = 1500


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

    def __init__(self, substrate: Substrate[Any], metrics: PredictionMetrics, policy: ReviewPolicy) -> None:
        """Limits of the policy on properties that this substrate does not have are left out."""
        self.substrate, self._metrics = substrate, metrics
        self._names = [entry.definition.name for entry in substrate.card.properties]
        widths = {name: width for name, width in policy.max_interval_width.items() if name in self._names}
        self.policy = replace(policy, max_interval_width=widths)
        # These caches are the replica's own, and so is what it remembers of who asked.
        self._own_hits = OwnHits()
        self._reader = MaterialReader()
        self._embedded: LruCache[EmbeddedMaterial] = LruCache(_CACHE_BYTES, lambda entry: entry.n_bytes)
        # One thread owns reader and cache; RDKit and the small network hold the interpreter lock by turns.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="materials")

    @property
    def label(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.substrate.card.name}:{self.substrate.card.version}"

    async def evaluate(self, items: Sequence[Item], query: Query) -> BlockAnswer:
        """Predictions for all items; arrays hold one row per answered item."""
        block = await self._in_worker(lambda: self._evaluate(items, query))
        self.count(block.answers)
        return replace(block, answers=tuple(await self._told(block.answers)))

    async def embed(
        self, items: Sequence[Item], *, bypass_cache: bool = False
    ) -> tuple[list[Answer], list[EmbeddedMaterial]]:
        """Answers, and what their rows point to."""
        answers, rows = await self._in_worker(lambda: self._embed(items, bypass_cache=bypass_cache))
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

    def count(self, answers: Sequence[Answer]) -> None:
        """Counts the outcomes of these materials."""
        count_answers(self._metrics, answers)

    def _evaluate(self, items: Sequence[Item], query: Query) -> BlockAnswer:
        answers, rows = self._embed(items, bypass_cache=query.bypass_cache)
        with self.timed(Stage.READOUT):
            columns = _columns(rows) if rows else ([], [], self.substrate.embed([]))
            prediction = self.substrate.predict(*columns, query.coverage)
            if self.policy.judges_widths:
                judged = self.substrate.predict(*columns, self.policy.interval_coverage)
                prediction = replace(prediction, judged_widths=judged.upper - judged.lower)
            atoms = [entry.read.sample.atomic_numbers for entry in rows]
            reviews = self.policy.judge(atoms, prediction.domains, self._names, prediction.judged_widths)
        return BlockAnswer(tuple(answers), prediction, reviews)

    def _embed(self, items: Sequence[Item], *, bypass_cache: bool) -> tuple[list[Answer], list[EmbeddedMaterial]]:
        with self.timed(Stage.PARSE):
            read = [self._read(item) for item in items]
        found = self._look_up([entry for entry in read if isinstance(entry, ReadMaterial)], bypass_cache=bypass_cache)
        answers: list[Answer] = []
        rows: list[EmbeddedMaterial] = []
        for item, outcome in zip(items, read, strict=True):
            result = outcome if isinstance(outcome, Refusal) else found[outcome.digest][0]
            if isinstance(result, Refusal) or isinstance(outcome, Refusal):
                answers.append(Answer(item.id, result if isinstance(result, Refusal) else outcome))
                continue
            answers.append(Answer(item.id, outcome, len(rows), found[outcome.digest][1]))
            rows.append(result)
        return answers, rows

    def _read(self, item: Item) -> ReadMaterial | Refusal:
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

    def _look_up(
        self, read: Sequence[ReadMaterial], *, bypass_cache: bool
    ) -> dict[bytes, tuple[EmbeddedMaterial | Refusal, bool]]:
        """What is known of each material by digest, and whether the network did not run for it."""
        by_digest = {entry.digest: entry for entry in read}
        held = {} if bypass_cache else {digest: self._embedded.get(digest) for digest in by_digest}
        found: dict[bytes, tuple[EmbeddedMaterial | Refusal, bool]] = {
            digest: (entry, True) for digest, entry in held.items() if entry is not None
        }
        self._metrics.count_cache(CacheTier.LOCAL, len(found))
        self._metrics.count_cache(CacheTier.MISS, len(by_digest) - len(found))
        graphs: dict[bytes, CrystalGraph] = {}
        with self.timed(Stage.GRAPH):
            for digest in by_digest.keys() - found.keys():
                try:
                    graphs[digest] = self.substrate.featurize(by_digest[digest].sample.material)
                except UnsupportedElementError as error:
                    found[digest] = Refusal(error.reason, error.message), False
                except Exception as error:
                    found[digest] = failure(error), False
        with self.timed(Stage.EMBED):
            embeddings = self.substrate.embed(list(graphs.values()))
        for (digest, graph), embedding in zip(graphs.items(), embeddings, strict=True):
            # A copy: a view would keep the whole block in memory.
            entry = EmbeddedMaterial(by_digest[digest], graph, embedding.copy())
            self._embedded.put(digest, entry)
            found[digest] = entry, False
        return found

    async def _in_worker(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Observes what a stage of one block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.observe_stage(stage, time.perf_counter() - start)


def _columns(rows: Sequence[EmbeddedMaterial]) -> tuple[list[Any], list[CrystalGraph], Embedding]:
    """Materials, graphs and embeddings ``[n_rows, n_members, embedding_width]``; at least one row."""
    materials = [entry.read.sample.material for entry in rows]
    return materials, [entry.graph for entry in rows], np.stack([entry.embedding for entry in rows])
