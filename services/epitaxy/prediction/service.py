"""The use cases of prediction: evaluate, embed and validate a block of structures."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.domain import Accepted, Answer, BlockAnswer, IntakeReport, Item, Query, Refusal, TextSource
from epitaxy.prediction.intake.reader import ItemReader, failure
from epitaxy.prediction.ports import (
    CacheTier,
    Embedding,
    EmbeddingBackend,
    EmbeddingStore,
    PredictionMetrics,
    ReadingCache,
    Stage,
)
from epitaxy.prediction.serve.thread_work import check_awaited, run_for_call
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.readout import CalibratedReadout, Reading
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import DEFAULT_POLICY, ReviewPolicy
from epitaxy_models.structures import IntakeLimits, Structure

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
# A digest, a few floats, a verdict with its reason, and Python's overhead.
_READING_BYTES = 900


class PredictionService:
    """Answers blocks of structures with one model; every item ends in an answer or its own refusal."""

    def __init__(
        self,
        artifact: ModelArtifact,
        store: EmbeddingStore,
        backend: EmbeddingBackend,
        metrics: PredictionMetrics,
        limits: IntakeLimits,
        policy: ReviewPolicy = DEFAULT_POLICY,
        readings_bytes: int = 0,
        answers: ReadingCache | None = None,
        own_hits: OwnHits | None = None,
    ) -> None:
        """Caches at most ``readings_bytes`` of readings; 0: none, so that every answer is read from an embedding.

        ``answers`` is the cache of readings and read texts that replicas share. ``own_hits`` says which hits a caller
        is told; without it, all.

        Raises ConfigurationError if the policy limits a property that the model does not have.
        """
        self.artifact, self.policy = artifact, policy
        self._names = [entry.definition.name for entry in artifact.card.properties]
        policy.check_properties(self._names)
        self._readout = CalibratedReadout(artifact)
        self._reader = ItemReader(limits, artifact.supported_elements())
        self._store, self._backend, self._metrics = store, backend, metrics
        self._shared_answers = answers
        self._own_hits = own_hits
        # By content digest: a structure that comes again needs neither graph nor embedding.
        self._readings: LruCache[Reading] = LruCache(readings_bytes, lambda _: _READING_BYTES)
        # One thread: featurizing holds the interpreter lock, for which a second thread would only compete.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="featurize")

    async def evaluate(self, items: Sequence[Item], query: Query) -> BlockAnswer:
        """Predictions for all items; arrays hold one row per answered item."""
        outcomes, texts = await self._take_in(items, bypass_cache=query.bypass_cache)
        held = {} if query.bypass_cache else await self._held(outcomes)
        missing = [entry for entry in outcomes if isinstance(entry, Accepted) and entry.digest not in held]
        found, keys = await self._look_up(missing, bypass_cache=query.bypass_cache) if missing else ({}, {})
        is_hit = dict.fromkeys(held, True) | {digest: hit for digest, (_, hit) in found.items()}
        is_hit = await self._told(is_hit, keys)
        with self.timed(Stage.READOUT):
            new = self._read({entry.digest: entry.structure for entry in missing}, found)
            readings = held | new
            refusals = {digest: result for digest, (result, _) in found.items() if isinstance(result, Refusal)}
            answers = _merge_answers(items, outcomes, refusals, is_hit)
            accepted = [answer.outcome for answer in answers if isinstance(answer.outcome, Accepted)]
            judged_at = self.policy.interval_coverage if self.policy.judges_widths else None
            rows = [readings[entry.digest] for entry in accepted]
            prediction = self._readout.predict(rows, query.coverage, judged_at)
            atoms = [entry.structure.atomic_numbers for entry in accepted]
            reviews = self.policy.judge(atoms, prediction.domains, self._names, prediction.judged_widths)
        await self._share(new, texts)
        self.count(answers)
        return BlockAnswer(tuple(answers), prediction, reviews)

    async def embed(self, items: Sequence[Item], *, bypass_cache: bool = False) -> tuple[list[Answer], Embedding]:
        """Answers and embeddings ``[n_answered, n_members, embedding_width]``."""
        return await self._answers(items, bypass_cache=bypass_cache)

    def domains(self, embeddings: Embedding, structures: Sequence[Structure]) -> tuple[DomainScore, ...]:
        """Distance of structures with these embeddings from the substrate's training data."""
        return self._readout.domains(embeddings, structures)

    async def validate(self, items: Sequence[Item]) -> list[Answer]:
        """The outcome of intake for each item as this model would answer it, without predicting."""
        outcomes = await self._in_worker(lambda: [self._reader.read(item) for item in items])
        return [Answer(item.id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def report(self, items: Sequence[Item]) -> list[IntakeReport]:
        """How each item is read, whatever its kind."""
        outcomes = await self._in_worker(lambda: [self._reader.report(item) for item in items])
        return [IntakeReport(item.id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def _answers(self, items: Sequence[Item], *, bypass_cache: bool) -> tuple[list[Answer], Embedding]:
        outcomes, texts = await self._take_in(items, bypass_cache=bypass_cache)
        found, keys = await self._look_up(outcomes, bypass_cache=bypass_cache)
        is_hit = await self._told({digest: hit for digest, (_, hit) in found.items()}, keys)
        await self._share({}, texts)
        refusals = {digest: result for digest, (result, _) in found.items() if isinstance(result, Refusal)}
        answers = _merge_answers(items, outcomes, refusals, is_hit)
        results = (found[answer.outcome.digest][0] for answer in answers if isinstance(answer.outcome, Accepted))
        rows = [result for result in results if not isinstance(result, Refusal)]
        return answers, np.stack(rows) if rows else self._no_embeddings()

    async def _take_in(
        self, items: Sequence[Item], *, bypass_cache: bool
    ) -> tuple[list[Accepted | Refusal], dict[bytes, Accepted]]:
        """Outcomes of intake, and by digest those texts among them that no other replica had read."""
        shared = self._shared_answers
        if shared is None or not any(isinstance(item.source, TextSource) for item in items):
            return await self._in_worker(lambda: self._accept(items)), {}
        unread = await self._in_worker(lambda: self._reader.unread_texts(items))
        known = {}
        if unread and not bypass_cache:
            with self.timed(Stage.CACHE_READ):
                known = await shared.texts(list(unread))
        outcomes = await self._in_worker(lambda: self._accept(items, known))
        read = {digest: outcomes[row] for digest, row in unread.items() if digest not in known}
        return outcomes, {digest: outcome for digest, outcome in read.items() if isinstance(outcome, Accepted)}

    async def _held(self, outcomes: Sequence[Accepted | Refusal]) -> dict[bytes, Reading]:
        """Readings of structures that were answered before, here or by another replica, by content digest."""
        digests = dict.fromkeys(entry.digest for entry in outcomes if isinstance(entry, Accepted))
        held = {digest: reading for digest in digests if (reading := self._readings.get(digest)) is not None}
        self._metrics.count_cache(CacheTier.LOCAL, len(held))
        missing = [digest for digest in digests if digest not in held]
        if not missing or self._shared_answers is None:
            return held
        with self.timed(Stage.CACHE_READ):
            shared = await self._shared_answers.readings(missing)
        self._metrics.count_cache(CacheTier.SHARED, len(shared))
        for digest, reading in shared.items():
            self._readings.put(digest, reading)
        return held | shared

    async def _share(self, readings: Mapping[bytes, Reading], texts: Mapping[bytes, Accepted]) -> None:
        if self._shared_answers is not None and (readings or texts):
            with self.timed(Stage.CACHE_WRITE):
                await self._shared_answers.put(readings, texts)

    def _read(
        self, structures: Mapping[bytes, Structure], found: Mapping[bytes, tuple[Embedding | Refusal, bool]]
    ) -> dict[bytes, Reading]:
        """Readings of the embeddings that were found, kept for the next time."""
        embeddings = {digest: result for digest, (result, _) in found.items() if not isinstance(result, Refusal)}
        if not embeddings:
            return {}
        rows = self._readout.readings(np.stack(list(embeddings.values())), [structures[key] for key in embeddings])
        readings = dict(zip(embeddings, rows, strict=True))
        for digest, reading in readings.items():
            self._readings.put(digest, reading)
        return readings

    async def _look_up(
        self, outcomes: Sequence[Accepted | Refusal], *, bypass_cache: bool
    ) -> tuple[dict[bytes, tuple[Embedding | Refusal, bool]], Mapping[bytes, bytes]]:
        """Embedding or refusal of each accepted structure by content digest, and whether it came from the cache.

        Beside it the keys of the crystals, also by content digest.
        """
        structures = {entry.digest: entry.structure for entry in outcomes if isinstance(entry, Accepted)}
        keys = {} if bypass_cache else await self._known_keys(list(structures))
        asked = dict.fromkeys(keys.values())
        cached = await self._read_cached(list(asked))
        # A key without an embedding (evicted, or damaged) needs the graph again.
        unknown = [digest for digest in structures if keys.get(digest) not in cached]
        graphs, refusals = await self._in_worker(
            lambda: self._build_graphs({digest: structures[digest] for digest in unknown})
        )
        keys |= {digest: graph.key for digest, graph in graphs.items()}
        if not bypass_cache:
            # Another cell, or another file, of a crystal that was seen before.
            cached |= await self._read_cached([key for key in dict.fromkeys(keys.values()) if key not in asked])
        computed = await self._compute([graph for graph in graphs.values() if graph.key not in cached])
        await self._remember(computed, {digest: graph.key for digest, graph in graphs.items()})
        found: dict[bytes, tuple[Embedding | Refusal, bool]] = {
            digest: (refusal, False) for digest, refusal in refusals.items()
        }
        return found | {
            digest: (cached[key], True) if (key := keys[digest]) in cached else (computed[key], False)
            for digest in structures
            if digest not in refusals
        }, keys

    async def _told(self, is_hit: dict[bytes, bool], keys: Mapping[bytes, bytes]) -> dict[bytes, bool]:
        """Hits that the caller is told of: those of its own tenant."""
        return is_hit if self._own_hits is None else await self._own_hits.own(is_hit, keys)

    def _accept(self, items: Sequence[Item], known: Mapping[bytes, Accepted] | None = None) -> list[Accepted | Refusal]:
        with self.timed(Stage.PARSE):
            return [self._read_one(item, known) for item in items]

    def _read_one(self, item: Item, known: Mapping[bytes, Accepted] | None) -> Accepted | Refusal:
        check_awaited()
        return self._reader.read(item, known)

    def _build_graphs(
        self, structures: Mapping[bytes, Structure]
    ) -> tuple[dict[bytes, CrystalGraph], dict[bytes, Refusal]]:
        """Graphs by content digest, and the refusals of structures that have none."""
        graphs: dict[bytes, CrystalGraph] = {}
        refusals: dict[bytes, Refusal] = {}
        if not structures:
            return graphs, refusals
        with self.timed(Stage.GRAPH):
            for digest, structure in structures.items():
                check_awaited()
                try:
                    graphs[digest] = build_graph(structure, self.artifact.card.crystal_rule)
                except Exception as error:
                    refusals[digest] = failure(error)
        return graphs, refusals

    async def _known_keys(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        with self.timed(Stage.CACHE_READ):
            return await self._store.graph_keys(digests)

    async def _read_cached(self, keys: Sequence[bytes]) -> dict[bytes, Embedding]:
        if not keys:
            return {}
        with self.timed(Stage.CACHE_READ):
            found = await self._store.embeddings(keys)
        for tier in (CacheTier.LOCAL, CacheTier.SHARED):
            self._metrics.count_cache(tier, sum(origin is tier for _, origin in found.values()))
        self._metrics.count_cache(CacheTier.MISS, len(keys) - len(found))
        return {key: embedding for key, (embedding, _) in found.items()}

    async def _compute(self, graphs: Sequence[CrystalGraph]) -> dict[bytes, Embedding | Refusal]:
        """Embeddings by key; equal crystals of one block are computed once."""
        distinct = list({graph.key: graph for graph in graphs}.values())
        if not distinct:
            return {}
        with self.timed(Stage.EMBED):
            results = await self._backend.embed(distinct)
        return {
            graph.key: failure(result) if isinstance(result, Exception) else _checked(result)
            for graph, result in zip(distinct, results, strict=True)
        }

    async def _remember(self, computed: Mapping[bytes, Embedding | Refusal], graph_keys: Mapping[bytes, bytes]) -> None:
        embeddings = {key: value for key, value in computed.items() if not isinstance(value, Refusal)}
        if not embeddings and not graph_keys:
            return
        with self.timed(Stage.CACHE_WRITE):
            await self._store.put(embeddings, graph_keys)

    def _no_embeddings(self) -> Embedding:
        shape = self.artifact.card.backbone
        return np.zeros((0, shape.n_members, shape.embedding_width), dtype=np.float32)

    def count(self, answers: Sequence[Answer]) -> None:
        """Counts the outcomes of these structures."""
        count_answers(self._metrics, answers)

    async def _in_worker(self, work: Callable[[], _T]) -> _T:
        return await run_for_call(self._worker, work)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Observes what a stage of one block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.observe_stage(stage, time.perf_counter() - start)


def count_answers(
    metrics: PredictionMetrics, answers: Sequence[Answer], kinds: Sequence[MaterialKind] | None = None
) -> None:
    """Counts the outcomes of a block; ``kinds`` are those of its items (default: all crystals)."""
    ended = [_ended(answer) for answer in answers]
    for (outcome, reason), number in Counter(ended).items():
        metrics.count_outcome(outcome, reason, number)
    of_kinds = kinds or [MaterialKind.STRUCTURE] * len(answers)
    for (kind, outcome), number in Counter(
        (kind, outcome) for kind, (outcome, _) in zip(of_kinds, ended, strict=True)
    ).items():
        metrics.count_kind(kind, outcome, number)


def _ended(answer: Answer) -> tuple[str, str]:
    """Outcome and reason."""
    if not isinstance(answer.outcome, Refusal):
        return "answered", ""
    return "failed" if answer.outcome.is_retryable else "refused", answer.outcome.reason


def _merge_answers(
    items: Sequence[Item],
    outcomes: Sequence[Accepted | Refusal],
    refusals: Mapping[bytes, Refusal],
    is_hit: Mapping[bytes, bool],
) -> list[Answer]:
    """One answer an item; rows number those that are answered."""
    answers, row = [], 0
    for item, outcome in zip(items, outcomes, strict=True):
        refusal = outcome if isinstance(outcome, Refusal) else refusals.get(outcome.digest)
        if refusal is not None or isinstance(outcome, Refusal):
            answers.append(Answer(item.id, refusal or outcome))
            continue
        answers.append(Answer(item.id, outcome, row, is_cache_hit=is_hit[outcome.digest]))
        row += 1
    return answers


def _checked(embedding: Embedding) -> Embedding | Refusal:
    """An embedding that can be answered and kept: a number that overflowed would be served from the cache for days."""
    if np.isfinite(embedding).all():
        return embedding
    return failure(ArithmeticError("the embedding is not finite"))
