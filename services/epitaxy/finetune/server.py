"""The composition root: builds the service from its settings, runs it, stops it."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.internal.v1 import (
    account_backend_pb2,
    account_backend_pb2_grpc,
    measurement_backend_pb2,
    measurement_backend_pb2_grpc,
)
from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc
from epitaxy.chassis.errors import RetryLaterError
from epitaxy.chassis.gateway_trust import inner_server, read_secret
from epitaxy.chassis.health import ReadinessReporter
from epitaxy.chassis.running_server import RunningServer, cancelled, listen, run_until_signal
from epitaxy.chassis.tenants import LOCAL_TENANT
from epitaxy.database.tables import Database
from epitaxy.finetune.account_servicer import AccountServicer, Usage
from epitaxy.finetune.champions import Champions
from epitaxy.finetune.governance_servicer import GovernanceServicer
from epitaxy.finetune.jobs import JobLimits, Jobs
from epitaxy.finetune.labels.source import RootedLabelSource
from epitaxy.finetune.metrics import FineTuneMetrics, RecentJobs
from epitaxy.finetune.ports import JobFiles, JobRunner, JobStore, ModelRegistry
from epitaxy.finetune.refits import Refits
from epitaxy.finetune.servicer import FineTuneServicer
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.finetune.tenant_data import TenantData
from epitaxy.finetune.upkeep.census import SubstrateCensus
from epitaxy.finetune.upkeep.reconciler import Reconciler
from epitaxy.finetune.verification import VersionVerifier
from epitaxy.finetune.work.ray_runner import RayJobRunner
from epitaxy.measurements.metrics import MeasurementMetrics
from epitaxy.measurements.service import MeasurementService
from epitaxy.measurements.servicer import MeasurementServicer
from epitaxy.measurements.store import SqlMeasurementStore
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings

logger = logging.getLogger(__name__)

SERVICE = finetune_pb2.DESCRIPTOR.services_by_name["FineTuneService"].full_name
GOVERNANCE_SERVICE = governance_pb2.DESCRIPTOR.services_by_name["ModelGovernanceService"].full_name
MEASUREMENT_SERVICE = measurement_backend_pb2.DESCRIPTOR.services_by_name["MeasurementBackendService"].full_name
ACCOUNT_SERVICE = account_backend_pb2.DESCRIPTOR.services_by_name["AccountBackendService"].full_name
SERVICES = (SERVICE, GOVERNANCE_SERVICE, MEASUREMENT_SERVICE, ACCOUNT_SERVICE)


class FineTuneServer(RunningServer):
    """A service that runs from `start` to `stop`; as an async context manager, inside the block. Jobs go on after it.

    Args:
        settings: Settings of the service.
        registry: Settings of the model registry.
        runner: Runs the jobs; by default on Ray.
    """

    def __init__(self, settings: FineTuneSettings, registry: RegistrySettings, runner: JobRunner | None = None) -> None:
        super().__init__(settings.host)
        self._settings, self._registry_settings = settings, registry
        self._secret = read_secret(settings.gateway_secret_file)
        self._metrics_registry = CollectorRegistry()
        self._metrics = FineTuneMetrics(self._metrics_registry)
        self._database = Database(settings.store_url)
        self._measurements = MeasurementService(
            SqlMeasurementStore(self._database), lambda tenant: settings.quota_of(tenant).max_measurements
        )
        RecentJobs(self._metrics_registry, SqlJobStore(self._database))
        MeasurementMetrics(self._metrics_registry, self._measurements.store)
        self._runner = runner or RayJobRunner(settings, registry)

    async def _start(self, stack: AsyncExitStack) -> None:
        """Starts the parts; the stack stops them in reverse order."""
        settings = self._settings
        stack.callback(self._database.close)  # after the metrics, which read from it
        self._serve_metrics(stack, self._metrics_registry, settings.metrics_host, settings.metrics_port)
        stack.push_async_callback(asyncio.to_thread, self._runner.close)
        store, files = SqlJobStore(self._database), FolderJobFiles(settings.jobs_folder)
        reconciler = self._reconciler(store)
        self._reconciling = asyncio.create_task(
            _keep_reconciling(reconciler, files, settings.reconcile_seconds, self._metrics.jobs_looked_after)
        )
        stack.push_async_callback(cancelled, self._reconciling)
        server = inner_server(
            self._metrics.rpc, self._secret, settings.default_deadline_seconds, settings.max_message_bytes
        )
        stack.push_async_callback(server.stop, settings.shutdown_grace_seconds)
        registry = MlflowRegistry(self._registry_settings)
        ledger = SqlLedger(self._database)
        for task in (self._warm_and_count(registry), self._keep_checking(ledger)):
            stack.push_async_callback(cancelled, asyncio.create_task(task))
        champions = Champions(store, ledger, registry, files, VersionVerifier(registry))
        servicer = self._servicer(store, champions)
        stack.callback(servicer.drain)
        readiness = ReadinessReporter(
            SERVICES,
            lambda: asyncio.to_thread(reconciler.is_able),
            interval_seconds=settings.readiness_interval_seconds,
        )
        stack.push_async_callback(readiness.stop)
        usage = Usage(store, settings.quota_of, self._measurements.store.held)
        _register(
            server,
            servicer,
            GovernanceServicer(champions),
            MeasurementServicer(self._measurements),
            AccountServicer(usage, ledger),
            readiness,
        )
        self._port = listen(server, settings.address)
        await readiness.start()
        await server.start()

    def _reconciler(self, store: JobStore) -> Reconciler:
        settings = self._settings
        return Reconciler(
            store,
            self._runner,
            self._metrics,
            settings.max_attempts,
            settings.overdue_grace_seconds,
            is_held=settings.is_held,
            make_room=FolderJobFiles(settings.jobs_folder).make_room,
        )

    async def _warm_and_count(self, registry: ModelRegistry) -> None:
        await _warm(registry, self._settings.registry_warm_up_seconds)
        census = SubstrateCensus(registry)
        while True:
            try:
                self._metrics.count_champions(await asyncio.to_thread(census))
            except RetryLaterError as error:
                logger.warning("cannot count models by substrate", extra={"reason": error.message})
            except Exception:
                logger.exception("counting models by substrate failed")
            await asyncio.sleep(self._settings.census_seconds)

    async def _keep_checking(self, ledger: SqlLedger) -> None:
        """Looks at the whole audit log now and then; a changed line pages somebody."""
        while True:
            try:
                is_intact = await asyncio.to_thread(ledger.is_intact)
                self._metrics.audit_checked(is_intact=is_intact)
                if not is_intact:
                    logger.error("a line of the audit log was changed or removed: epitaxy admin audit --verify")
            except RetryLaterError as error:
                logger.warning("cannot check the audit log", extra={"reason": error.message})
            await asyncio.sleep(self._settings.audit_check_seconds)

    def _servicer(self, store: JobStore, champions: Champions) -> FineTuneServicer:
        settings = self._settings
        labels = RootedLabelSource(settings.label_roots, settings.max_label_bytes)
        limits = JobLimits(
            settings.quota_of, settings.max_job_seconds, frozenset(settings.base_models), settings.gpus_per_job > 0
        )
        jobs = Jobs(store, FolderJobFiles(settings.jobs_folder), labels, self._runner, limits)
        tenant_data = TenantData(jobs, champions, self._measurements.delete)
        refits = Refits(jobs, champions.registry)
        return FineTuneServicer(jobs, refits, tenant_data, settings.default_job_seconds, settings.watch_seconds)


async def serve(settings: FineTuneSettings, registry: RegistrySettings) -> None:
    """Runs the service until SIGTERM or SIGINT, then stops it gracefully."""
    await run_until_signal(FineTuneServer(settings, registry), settings.log_level)


async def _keep_reconciling(
    reconciler: Reconciler, files: JobFiles, seconds: float, on_look: Callable[[], None]
) -> None:
    while True:
        try:
            await asyncio.to_thread(files.keep_reserve)
            await asyncio.to_thread(reconciler)
            on_look()
        except RetryLaterError as error:
            logger.warning("cannot look after the jobs", extra={"reason": error.message})
        except Exception:
            logger.exception("looking after the jobs failed")
        await asyncio.sleep(seconds)


async def _warm(registry: ModelRegistry, after_seconds: float) -> None:
    """Uses the registry once: the first use takes seconds, which no caller and no job should wait for."""
    await asyncio.sleep(after_seconds)
    try:
        await asyncio.to_thread(registry.list, LOCAL_TENANT)
    except RetryLaterError as error:
        logger.warning("the model registry does not answer yet", extra={"reason": error.message})


def _register(
    server: grpc.aio.Server,
    servicer: FineTuneServicer,
    governance: GovernanceServicer,
    measurements: MeasurementServicer,
    accounts: AccountServicer,
    readiness: ReadinessReporter,
) -> None:
    finetune_pb2_grpc.add_FineTuneServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    governance_pb2_grpc.add_ModelGovernanceServiceServicer_to_server(governance, server)  # type: ignore[no-untyped-call]  # generated
    add_measurements = measurement_backend_pb2_grpc.add_MeasurementBackendServiceServicer_to_server
    add_measurements(measurements, server)  # type: ignore[no-untyped-call]  # generated
    add_accounts = account_backend_pb2_grpc.add_AccountBackendServiceServicer_to_server
    add_accounts(accounts, server)  # type: ignore[no-untyped-call]  # generated
    health_pb2_grpc.add_HealthServicer_to_server(readiness.servicer, server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
