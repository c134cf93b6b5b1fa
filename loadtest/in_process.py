"""The product's own path in one process: reading, graphs, network, calibration, cache; neither Ray, gRPC nor Redis."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.domain import Accepted, Item, Query, TextSource
from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy.prediction.ports import CacheTier, Embedding, Stage
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rock_salt import featurize_rock_salt
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import (
    IntakeLimits,
    PackedBlock,
    Structure,
    TextFormat,
    pack_structures,
    unpack_structures,
)

# As the client sends them.
BLOCK = 256


class NoMetrics:
    """Counts nothing."""

    def observe_stage(self, stage: Stage, seconds: float) -> None: ...

    def count_outcome(self, outcome: str, reason: str, number: int = 1) -> None: ...

    def count_cache(self, tier: CacheTier, number: int) -> None: ...

    def count_kind(self, kind: MaterialKind, outcome: str, number: int = 1) -> None: ...

    def set_queued_materials(self, waiting: int, capacity: int) -> None: ...


class _Network:
    def __init__(self, batcher: EdgeBudgetBatcher) -> None:
        self._batcher = batcher

    async def embed(self, graphs: Sequence[CrystalGraph]) -> list[Embedding | Exception]:
        return list(await self._batcher.submit(graphs, timeout_seconds=600.0))


class InProcess:
    """An engine over paths of CIF files or over structures, which are packed beforehand as a client would."""

    def __init__(self) -> None:
        settings = PredictionSettings()
        artifact = load_artifact(shipped_model())
        readings_bytes = settings.local_cache_bytes // 8  # as an intake replica divides it
        forward = ThreadPoolExecutor(max_workers=1)
        embedder = Embedder(artifact)
        max_batch_edges = settings.max_batch_edges or embedder.edge_budget(bundled_structures)
        batcher = EdgeBudgetBatcher(embedder, forward, max_batch_edges, settings.max_queued_edges)
        self._service = PredictionService(
            artifact,
            TieredEmbeddings(settings.local_cache_bytes - readings_bytes, None),
            _Network(batcher),
            NoMetrics(),
            IntakeLimits(max_sites=settings.max_sites),
            readings_bytes=readings_bytes,
        )
        self._query = Query(tuple(range(len(artifact.card.properties))))
        self._prepared: dict[str, list[PackedBlock] | list[list[Path]]] = {}
        featurize_rock_salt()

    def prepare(self, name: str, share: Sequence[Path] | Sequence[Structure]) -> None:
        pieces = [share[start : start + BLOCK] for start in range(0, len(share), BLOCK)]
        is_text = bool(share) and isinstance(share[0], Path)
        self._prepared[name] = [list(piece) if is_text else pack_structures(piece) for piece in pieces]  # type: ignore[arg-type, misc]

    def run(self, name: str) -> int:
        return asyncio.run(self._run(name))

    async def _run(self, name: str) -> int:
        answered = 0
        for piece in self._prepared[name]:
            sources = unpack_structures(*piece) if isinstance(piece, PackedBlock) else [_text(path) for path in piece]
            items = [Item(str(row), source) for row, source in enumerate(sources)]
            block = await self._service.evaluate(items, self._query)
            answered += sum(isinstance(answer.outcome, Accepted) for answer in block.answers)
        return answered


def _text(path: Path) -> TextSource:
    return TextSource(TextFormat.CIF, path.read_text())
