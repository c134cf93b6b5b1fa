"""One copy of the network with one queue in front of it, in an ensemble replica or in a thread of an intake replica."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from epitaxy.prediction.metrics import RayBatchMetrics
from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy.prediction.networks.tenant_runner import TenantRunner
from epitaxy.prediction.ports import Embedding
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.service import TenantQuestion
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rock_salt import featurize_rock_salt

_LOG = logging.getLogger(__name__)
# A block of 512 large crystals through five members on one core stays below this.
_EMBED_TIMEOUT_SECONDS = 120.0


class Ensemble:
    """Implements EmbeddingBackend and NetworkBackend for one process."""

    def __init__(self, settings: PredictionSettings, artifact: ModelArtifact, networks: TenantRunner) -> None:
        """Loads the kernels, which takes a second, or many seconds if they must be compiled."""
        embedder = Embedder(artifact, settings.device)
        embedder([featurize_rock_salt()])
        self._networks = networks
        part = min(1.0, settings.ensemble_gpus or 1.0)
        max_batch_edges = settings.max_batch_edges or embedder.edge_budget(bundled_structures, part)
        _LOG.info("a forward pass has at most %d edges", max_batch_edges)
        self._metrics = RayBatchMetrics(max_batch_edges, settings.max_queued_edges)
        self._batcher = EdgeBudgetBatcher(
            embedder,
            ThreadPoolExecutor(max_workers=1, thread_name_prefix="forward"),
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

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]`` of a tenant's model with a backbone of its own. Raises an EpitaxyError."""
        return await self._networks.predict(version, question)
