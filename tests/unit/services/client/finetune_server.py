"""The real fine-tune service for tests: its own servicer, sqlite, files and registry; the work runs in a thread.

The API key is the tenant's name, so that tests share a server and nothing else. The work itself is a small one that
steers by the model's name: ``held*`` waits in TRAINING until it is released or cancelled, ``broken*`` fails,
``hurts*`` and ``loose*`` make models that HURT or are not calibrated.
"""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import small_server

from epitaxy.api.finetune.v1 import finetune_pb2_grpc
from epitaxy.api.models.v1 import governance_pb2_grpc, models_pb2_grpc
from epitaxy.api.prediction.v1 import prediction_pb2_grpc, structures_pb2_grpc
from epitaxy.chassis.call_scope import CallScope, RpcCall
from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.interceptors import ErrorScope, RequestContextScope
from epitaxy.chassis.request_context import bind_tenant
from epitaxy.database.tables import Database
from epitaxy.finetune.champions import Champions
from epitaxy.finetune.domain.job import FineTuneJob, JobState, Progress, Succession, Verdict
from epitaxy.finetune.domain.label_table import LabelTable
from epitaxy.finetune.domain.quotas import TenantQuota
from epitaxy.finetune.domain.spec import RefittedVersion
from epitaxy.finetune.governance_servicer import GovernanceServicer
from epitaxy.finetune.jobs import JobLimits, Jobs
from epitaxy.finetune.labels.source import RootedLabelSource
from epitaxy.finetune.ports import Transfer, TransferResult
from epitaxy.finetune.refits import Refits
from epitaxy.finetune.servicer import FineTuneServicer
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.finetune.tenant_data import TenantData
from epitaxy.finetune.work.worker import JobWorker
from epitaxy.measurements.store import SqlMeasurementStore
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer import records

MAX_ACTIVE_JOBS = 2


@dataclass
class Gates:
    """What the work waits for, and faults on demand."""

    released: threading.Event = field(default_factory=threading.Event)
    drops_left: Counter[str] = field(default_factory=Counter)
    """Calls to fail with UNAVAILABLE, by method: before it ran, ``-after`` it or in its ``-middle``."""
    n_calls: Counter[str] = field(default_factory=Counter)


class ThreadRunner:
    """Implements JobRunner in this process."""

    def __init__(self) -> None:
        self.work: Callable[[str], None] = lambda _: None
        self._threads: dict[str, threading.Thread] = {}

    def start(self, job: FineTuneJob) -> None:
        thread = threading.Thread(target=self.work, args=(job.id,), name=f"work-{job.id}", daemon=True)
        self._threads[job.id] = thread
        thread.start()

    def stop(self, job_id: str) -> None:
        """The work looks by itself whether it should stop."""

    def running(self) -> frozenset[str]:
        return frozenset(job_id for job_id, thread in self._threads.items() if thread.is_alive())

    def join(self) -> None:
        for thread in self._threads.values():
            thread.join(30)


class MedianWork:
    """Implements Transfer: errors of two constants stand for strategies."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    def __call__(
        self,
        job: FineTuneJob,
        labels: LabelTable,
        folder: Path,
        on_event: Callable[[JobState, Progress], None],
        should_stop: Callable[[], bool],
    ) -> TransferResult:
        name = job.spec.model_name
        on_event(JobState.AUDITING, Progress(0.5, "comparing with the source"))
        structures = labels.read_structures()
        if name.startswith("broken"):
            raise ConfigurationError("3 usable labels: add 7", reason="TOO_FEW_USABLE_LABELS")
        on_event(JobState.TRAINING, Progress(0.25, "fitting [block_gp]", {"mae_k": 1.5}))
        while name.startswith("held") and not self._gates.released.wait(0.05) and not should_stop():
            pass
        on_event(JobState.EVALUATING, Progress(0.75, "judging"))
        values = labels.values[job.spec.target.name]
        known = values[np.isfinite(values)]
        base = {"name": "substrate", "version": "2" if job.spec.refit_of else "1", "digest": "sha256:0"}
        card = {"job": job.id, "formulas": [_formula(s) for _, s in structures], "base": base, "strategy": "median"}
        (folder / "card.json").write_text(json.dumps(card))
        errors = {
            "median": float(np.mean(np.abs(known - np.median(known)))),
            "zero": float(np.mean(np.abs(known))),
        }
        verdict = Verdict.HURTS if name.startswith("hurts") else Verdict.HELPS
        report = report_of(job, labels, errors)
        html = f"<!doctype html><title>{name}</title>{'x' * (3 << 20)}".encode()
        is_calibrated = not name.startswith("loose")
        found = TransferResult(folder, verdict, "median", errors, is_calibrated, report.as_json().encode(), html)
        return replace(found, succession=_succession(job.spec.refit_of)) if job.spec.refit_of else found


def _succession(old: RefittedVersion) -> Succession:
    told = Succession(old.version, old.base, old.strategy, 15, f"Against version {old.version}, the refit errs less.")
    return replace(told, verdict=Verdict.HELPS, mae=7.5, new_mae=7.25, gain=0.25, gain_low=0.125, gain_high=None)


def report_of(job: FineTuneJob, labels: LabelTable, errors: dict[str, float]) -> records.TransferReport:
    rows = [
        records.StrategyRow(name, name == "zero", True, mae, mae - 0.1, mae + 0.1, 0.5, 0.25, 0.75, "HELPS", 0.1)
        for name, mae in errors.items()
    ]
    worst = records.ParityRow(labels.ids[0], "NaCl", 1.0, 3.0, float("-inf"), 5.0)
    return records.TransferReport(
        subject=records.PropertySection(job.spec.property_name, job.spec.unit, "none", "substrate-mp"),
        verdict=records.VerdictSection("Transfer helps by half.", "HELPS", "median", "HELPS", "zero", "best", True),
        data=records.DataSection(
            n_rows=labels.n_rows,
            n_usable=labels.n_rows - 1,
            n_merged=0,
            refused=(records.RefusedRow("r7", "overlapping [atoms]"),),
            warnings=("1 twin",),
        ),
        audit=records.AuditSection("NEUTRAL", ("All elements are known.",), (), None),
        strategies=tuple(rows),
        skipped=(),
        learning_curves=(),
        coverage=0.9,
        parity=(worst,),
        worst=(worst,),
        calibration=records.CalibrationSection((0.9,), (0.91,), labels.n_rows),
        blocks={},
    )


class KeyIsTenant(CallScope):
    """Stands for the gateway, which finds the tenant of a key."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        bind_tenant(call.header("authorization").removeprefix("Bearer ") or "local")
        method = call.method.rpartition("/")[2]
        self._gates.n_calls[method] += 1
        self._drop(method)
        yield
        self._drop(f"{method}-after")

    def _drop(self, name: str) -> None:
        if self._gates.drops_left[name] > 0:
            self._gates.drops_left[name] -= 1
            raise UnavailableError("going away")


class DroppingServicer(FineTuneServicer):
    """Breaks streams in the middle on demand: by name of the method with ``-middle`` behind it."""

    def __init__(self, gates: Gates, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._gates = gates

    async def WatchFineTuneJob(self, request: Any, context: Any) -> Any:
        async for message in super().WatchFineTuneJob(request, context):
            yield message
            self._drop("WatchFineTuneJob-middle")

    async def GetTransferReport(self, request: Any, context: Any) -> Any:
        async for message in super().GetTransferReport(request, context):
            yield message
            self._drop("GetTransferReport-middle")

    def _drop(self, name: str) -> None:
        if self._gates.drops_left[name] > 0:
            self._gates.drops_left[name] -= 1
            raise UnavailableError("the connection broke")


class FineTuneRig:
    """All parts of the service over one folder."""

    def __init__(self, folder: Path, work: Transfer | None = None) -> None:
        self.gates = Gates()
        self.labels_folder = folder / "labels"
        self.database = Database(f"sqlite:///{folder / 'jobs.db'}")
        self.files = FolderJobFiles(folder / "jobs")
        store = SqlJobStore(self.database)
        registry = MlflowRegistry(RegistrySettings(folder=folder / "registry", tracking_uri=""))
        self.runner = ThreadRunner()
        self.runner.work = JobWorker(store, self.files, registry, work or MedianWork(self.gates), 3)
        quotas: defaultdict[str, TenantQuota] = defaultdict(lambda: TenantQuota(max_active_jobs=MAX_ACTIVE_JOBS))
        source = RootedLabelSource([f"{self.labels_folder.as_uri()}/{{tenant}}/"], 1 << 20)
        jobs = Jobs(store, self.files, source, self.runner, JobLimits(quotas.__getitem__, 3600.0))
        champions = Champions(store, SqlLedger(self.database), registry, self.files)
        tenant_data = TenantData(jobs, champions, SqlMeasurementStore(self.database).delete_tenant)
        self.registry = registry
        self.servicer = DroppingServicer(self.gates, jobs, Refits(jobs, registry), tenant_data, 600.0, 0.05)
        self.governance = GovernanceServicer(champions)

    def labels_of(self, tenant: str, job_id: str) -> LabelTable:
        """What the server has kept."""
        return self.files.load_labels(tenant, job_id)

    def close(self) -> None:
        self.gates.released.set()
        self.runner.join()
        self.database.close()


@asynccontextmanager
async def _serving(rig: FineTuneRig) -> AsyncIterator[str]:
    interceptors = [RequestContextScope(), ErrorScope(), KeyIsTenant(rig.gates)]
    server = grpc.aio.server(interceptors=interceptors, options=[("grpc.max_receive_message_length", 16 << 20)])
    small = small_server.SmallServicer(small_server.Faults())
    finetune_pb2_grpc.add_FineTuneServiceServicer_to_server(rig.servicer, server)  # type: ignore[no-untyped-call]  # generated
    governance_pb2_grpc.add_ModelGovernanceServiceServicer_to_server(rig.governance, server)  # type: ignore[no-untyped-call]  # generated
    prediction_pb2_grpc.add_PredictionServiceServicer_to_server(small, server)  # type: ignore[no-untyped-call]  # generated
    structures_pb2_grpc.add_StructureServiceServicer_to_server(small, server)  # type: ignore[no-untyped-call]  # generated
    models_pb2_grpc.add_ModelServiceServicer_to_server(small, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@contextmanager
def serving_finetune(folder: Path, work: Transfer | None = None) -> Iterator[tuple[str, FineTuneRig]]:
    """Runs the service beside a blocking client; gives its address and its parts; ``work`` replaces the small one."""
    rig = FineTuneRig(folder, work)
    with small_server.in_thread(_serving(rig)) as address:
        try:
            yield address, rig
        finally:
            rig.close()


def crystals(count: int) -> Iterator[dict[str, Any]]:
    """Rows of crystals that differ."""
    for index in range(count):
        edge = 5.6 + index / 100
        lattice = [[0.0, edge / 2, edge / 2], [edge / 2, 0.0, edge / 2], [edge / 2, edge / 2, 0.0]]
        structure = {"lattice": lattice, "species": [11, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
        yield {"id": f"c{index}", "structure": structure, "tc_k": float(index), "tc_dft": index * 0.9}


def _formula(structure: Any) -> str:
    return str(getattr(structure, "reduced_formula", structure))
