"""The networks of one process: the substrate's, those of earlier substrates on demand, and tenants' own."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from epitaxy.prediction.metrics import RayBatchMetrics
from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy.prediction.networks.tenant_runner import TenantRunner
from epitaxy.prediction.ports import Embedding
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.service import TenantQuestion
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rock_salt import featurize_rock_salt

_LOG = logging.getLogger(__name__)
# A block of 512 large crystals through five members on one core stays below this.
_EMBED_TIMEOUT_SECONDS = 120.0


class SubstrateQueue:
    """One copy of one substrate's network with a queue in front of it."""

    def __init__(self, settings: PredictionSettings, artifact: ModelArtifact, executor: Executor) -> None:
        """Loads the kernels, which takes a second, or many seconds if they must be compiled."""
        embedder = Embedder(artifact, settings.device)
        embedder([featurize_rock_salt()])
        part = min(1.0, settings.ensemble_gpus or 1.0)
        max_batch_edges = settings.max_batch_edges or embedder.edge_budget(bundled_structures, part)
        _LOG.info("a forward pass of %s has at most %d edges", artifact.label, max_batch_edges)
        self._metrics = RayBatchMetrics(artifact.label, max_batch_edges, settings.max_queued_edges)
        self._batcher = EdgeBudgetBatcher(
            embedder,
            executor,
            max_batch_edges,
            settings.max_queued_edges,
            self._metrics.observe_batch,
            self._metrics.observe_wait,
            self._metrics.count_split,
        )

    async def embed(self, graphs: Sequence[CrystalGraph]) -> "list[Embedding | Exception]":
        """The embedding of each graph, or why there is none. Raises OverloadedError if the queue is full."""
        try:
            return [*await self._batcher.submit(graphs, _EMBED_TIMEOUT_SECONDS)]
        finally:
            self._metrics.set_queue(self._batcher.queued_edges)


class Ensemble:
    """Implements EmbeddingBackend and NetworkBackend for one process.

    An earlier substrate is loaded when it is first asked for. All substrates share one thread: a core, or a device,
    runs one forward pass at a time.
    """

    def __init__(self, settings: PredictionSettings, catalogue: SubstrateCatalogue, networks: TenantRunner) -> None:
        """Loads the substrate."""
        self._settings, self._catalogue, self._networks = settings, catalogue, networks
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forward")
        self._current = SubstrateQueue(settings, catalogue.current, self._executor)
        self._earlier: dict[str, asyncio.Future[SubstrateQueue]] = {}

    async def embed(self, graphs: Sequence[CrystalGraph], substrate: str = "") -> "list[Embedding | Exception]":
        """The embedding of each graph, or why there is none.

        ``substrate`` is the weights digest of an earlier one. Raises OverloadedError if the queue is full.
        """
        queue = await self._earlier_queue(substrate) if substrate else self._current
        return await queue.embed(graphs)

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]`` of a tenant's model with a backbone of its own. Raises an EpitaxyError."""
        return await self._networks.predict(version, question)

    async def _earlier_queue(self, digest: str) -> SubstrateQueue:
        opening = self._earlier.get(digest)
        if opening is None:
            opening = asyncio.get_running_loop().run_in_executor(self._executor, self._open, digest)
            self._earlier[digest] = opening
        try:
            # Shielded: others wait for the same substrate even if the first caller leaves.
            return await asyncio.shield(opening)
        except Exception:
            self._earlier.pop(digest, None)
            raise

    def _open(self, digest: str) -> SubstrateQueue:
        return SubstrateQueue(self._settings, self._catalogue.require(digest), self._executor)
