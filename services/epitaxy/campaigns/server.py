"""The composition root: builds the service from its settings, runs it, stops it."""

import asyncio
import os
from contextlib import AsyncExitStack

import torch
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry
from threadpoolctl import threadpool_limits

from epitaxy.api.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
from epitaxy.campaigns.books import Shelf
from epitaxy.campaigns.campaigns import Campaigns
from epitaxy.campaigns.exporting import Exporting
from epitaxy.campaigns.metrics import CampaignCensus, CampaignMetrics
from epitaxy.campaigns.model_maker import FineTuneMaker
from epitaxy.campaigns.pool.pools import Pools
from epitaxy.campaigns.pool.prediction import FeatureClient
from epitaxy.campaigns.pool.preparation import Preparation
from epitaxy.campaigns.promoting import Promoting
from epitaxy.campaigns.recommending import Recommending
from epitaxy.campaigns.reporting import Reporting
from epitaxy.campaigns.servicer import CampaignServicer
from epitaxy.campaigns.settings import CampaignSettings
from epitaxy.campaigns.store.log import SqlCampaignLog
from epitaxy.chassis.gateway_trust import inner_server, read_secret
from epitaxy.chassis.health import ReadinessReporter
from epitaxy.chassis.running_server import RunningServer, cancelled, listen, run_until_signal
from epitaxy.database.tables import Database
from epitaxy.rooted_files.opening import FileWords, RootedFiles

SERVICE = campaigns_pb2.DESCRIPTOR.services_by_name["CampaignService"].full_name
_WORDS = FileWords("pools", "send candidates by AddCandidates", "POOL_NOT_ALLOWED", "NO_POOL_FILE")


class CampaignServer(RunningServer):
    """A service that runs from `start` to `stop`; as an async context manager, inside the block."""

    def __init__(self, settings: CampaignSettings) -> None:
        super().__init__(settings.host)
        self._settings = settings
        self._secret = read_secret(settings.gateway_secret_file)
        self._registry = CollectorRegistry()
        self._metrics = CampaignMetrics(self._registry)
        self._database = Database(settings.store_url)
        self._log = SqlCampaignLog(self._database)
        CampaignCensus(self._registry, self._log)

    async def _start(self, stack: AsyncExitStack) -> None:
        """Starts the parts; the stack stops them in reverse order."""
        settings = self._settings
        torch.set_num_threads(settings.threads)
        threadpool_limits(settings.threads)
        settings.pools_folder.mkdir(parents=True, exist_ok=True)
        stack.callback(self._database.close)  # after the metrics, which read from it
        self._serve_metrics(stack, self._registry, settings.metrics_host, settings.metrics_port)
        shelf = Shelf(self._log, Pools(settings.pools_folder), self._metrics, settings.campaigns_in_memory)
        preparation = await self._prepare(stack, shelf)
        server = inner_server(
            self._metrics.rpc, self._secret, settings.default_deadline_seconds, settings.max_message_bytes
        )
        stack.push_async_callback(server.stop, settings.shutdown_grace_seconds)
        servicer = self._servicer(stack, shelf, preparation)
        stack.callback(servicer.drain)
        readiness = ReadinessReporter(
            (SERVICE,), lambda: asyncio.to_thread(self._is_ready), interval_seconds=settings.readiness_interval_seconds
        )
        stack.push_async_callback(readiness.stop)
        self._endpoint.answer_probes(is_alive=lambda: readiness.is_alive, is_ready=lambda: readiness.is_ready)
        campaigns_pb2_grpc.add_CampaignServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
        health_pb2_grpc.add_HealthServicer_to_server(readiness.servicer, server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        self._port = listen(server, settings.address)
        await readiness.start()
        await server.start()
        stack.push_async_callback(cancelled, asyncio.create_task(asyncio.to_thread(_warm)))

    async def _prepare(self, stack: AsyncExitStack, shelf: Shelf) -> Preparation:
        settings = self._settings
        source = FeatureClient(
            settings.prediction_upstream,
            settings.prediction_application,
            settings.prediction_seconds,
            settings.max_message_bytes,
            read_secret(settings.prediction_secret_file),
            settings.own_cache_tenants,
        )
        stack.push_async_callback(source.close)
        preparation = Preparation(
            records=shelf,
            pools=shelf.pools,
            source=source,
            files=RootedFiles(settings.pool_roots, _WORDS),
            observer=self._metrics,
            window=asyncio.Semaphore(settings.prediction_window),
            max_candidates=lambda tenant: settings.quota_of(tenant).max_candidates,
            poll_seconds=settings.poll_seconds,
        )
        stack.push_async_callback(cancelled, asyncio.create_task(preparation.run()))
        return preparation

    def _servicer(self, stack: AsyncExitStack, shelf: Shelf, preparation: Preparation) -> CampaignServicer:
        settings = self._settings
        loop = asyncio.get_running_loop()

        def kick() -> None:
            loop.call_soon_threadsafe(preparation.kick)

        campaigns = Campaigns(shelf, preparation.files, settings.quota_of, preparation.progress.get, kick)
        maker = FineTuneMaker(settings.finetune_upstream, settings.finetune_secret_file, settings.max_message_bytes)
        stack.callback(maker.close)
        return CampaignServicer(
            campaigns,
            Recommending(shelf, self._metrics.round_done),
            Reporting(shelf, kick),
            Exporting(campaigns),
            Promoting(shelf, maker),
            settings.rounds_at_once,
            settings.watch_seconds,
        )

    def _is_ready(self) -> bool:
        """Whether the database answers and the pools can be written. Raises UnavailableError."""
        return self._log.is_able() and os.access(self._settings.pools_folder, os.W_OK)


async def serve(settings: CampaignSettings) -> None:
    """Runs the service until SIGTERM or SIGINT, then stops it gracefully."""
    await run_until_signal(CampaignServer(settings), settings.log_level)


def _warm() -> None:
    """Loads what a model's choice needs, which takes seconds that no caller should wait for."""
    import epitaxy_models.campaigns.botorch_choice  # noqa: F401, PLC0415  # not before the server listens
