"""A fine-tune service of this process and a tenant who calls it, as the gateway presents them."""

import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import pytest

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.models.v1 import governance_pb2_grpc
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.finetune.server import FineTuneServer
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.work.composition import build_worker
from epitaxy.registry.settings import RegistrySettings

SECRET = "open sesame"


class ThreadRunner:
    """Runs jobs in threads of this process; a stopped one finds out by itself."""

    def __init__(self, settings: FineTuneSettings, registry: RegistrySettings) -> None:
        self._work = build_worker(settings, registry)
        self._threads: dict[str, threading.Thread] = {}
        self.is_paused = False

    def start(self, job: Any) -> None:
        if not self.is_paused and job.id not in self.running():
            self._threads[job.id] = threading.Thread(target=self._work, args=(job.id,))
            self._threads[job.id].start()

    def stop(self, job_id: str) -> None:
        return None

    def running(self) -> frozenset[str]:
        return frozenset(name for name, thread in self._threads.items() if thread.is_alive())

    def close(self) -> None:
        for thread in self._threads.values():
            thread.join()


@dataclass
class Caller:
    """A tenant as the gateway presents them."""

    stub: finetune_pb2_grpc.FineTuneServiceStub
    governance: governance_pb2_grpc.ModelGovernanceServiceStub
    tenant: str = field(default_factory=lambda: f"t-{uuid4().hex[:12]}")

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("x-tenant", self.tenant), ("x-gateway-secret", SECRET))

    def other(self) -> "Caller":
        return Caller(self.stub, self.governance)

    async def call(self, method: str, request: Any) -> Any:
        stub = self.stub if hasattr(self.stub, method) else self.governance
        return await getattr(stub, method)(request, metadata=self.metadata, timeout=60)

    async def create(self, request: Any) -> Any:
        return (await self.call("CreateFineTuneJob", request)).job

    async def watch(self, job_id: str, after: int = 0) -> list[Any]:
        request = finetune_pb2.WatchFineTuneJobRequest(job_id=job_id, after_sequence=after)
        return [message async for message in self.stub.WatchFineTuneJob(request, metadata=self.metadata, timeout=120)]

    async def finish(self, request: Any) -> Any:
        """Creates a job and watches it to its end."""
        job = await self.create(request)
        return (await self.watch(job.id))[-1].job


@dataclass
class Service:
    server: FineTuneServer
    runner: ThreadRunner
    caller: Caller
    channel: grpc.aio.Channel


async def failure(awaitable: Any) -> grpc.aio.AioRpcError:
    """The status that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await awaitable
    return caught.value


def reason(error: grpc.aio.AioRpcError) -> str:
    """The stable reason in a status of ours."""
    return from_trailing_metadata(error.trailing_metadata()).reason
