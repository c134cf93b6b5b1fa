"""grpc.health.v1, driven by a readiness check."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from grpc_health.v1 import health, health_pb2

logger = logging.getLogger(__name__)

LIVENESS_SERVICE = "liveness"
"""Health service name that stays SERVING while the process answers at all: for a probe that restarts it."""

_TURN_SECONDS = 1.0
_HANGS_SECONDS = 30.0
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class ReadinessReporter:
    """Turns an async check into the health status of some services (and of "", the whole server).

    Services start as NOT_SERVING. One good check makes them SERVING; ``failures_to_flip`` bad ones in a row undo it,
    so that one slow answer under load does not take every replica out of rotation at once.
    """

    def __init__(
        self,
        services: Iterable[str],
        is_ready: Callable[[], Awaitable[bool]],
        *,
        interval_seconds: float = 2.0,
        failures_to_flip: int = 3,
    ) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ("", *services)
        self._is_ready = is_ready
        self._interval_seconds = interval_seconds
        self._failures_to_flip = failures_to_flip
        self._failures = failures_to_flip
        self._turned_at = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_ready(self) -> bool:
        """What it reports of the whole server."""
        return self._failures < self._failures_to_flip

    @property
    def is_alive(self) -> bool:
        """Whether the event loop has turned lately: a loop that hangs answers nobody."""
        return time.monotonic() - self._turned_at < _HANGS_SECONDS

    async def start(self) -> None:
        """Reports NOT_SERVING and begins to check."""
        await self.servicer.set(LIVENESS_SERVICE, _SERVING)
        await self._report(ready=False)
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._turn())]

    async def stop(self) -> None:
        """Reports NOT_SERVING for good and stops checking."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._failures = self._failures_to_flip
        await self.servicer.enter_graceful_shutdown()

    async def _turn(self) -> None:
        while True:
            self._turned_at = time.monotonic()
            await asyncio.sleep(_TURN_SECONDS)

    async def _watch(self) -> None:
        while True:
            was_ready = self.is_ready
            self._failures = 0 if await self._check() else self._failures + 1
            if self.is_ready != was_ready:
                logger.info("readiness changed", extra={"ready": self.is_ready})
                await self._report(ready=self.is_ready)
            await asyncio.sleep(self._interval_seconds)

    async def _check(self) -> bool:
        try:
            return await self._is_ready()
        except Exception:
            logger.exception("the readiness check failed")
            return False

    async def _report(self, *, ready: bool) -> None:
        for service in self._services:
            await self.servicer.set(service, _SERVING if ready else _NOT_SERVING)
