"""What the servers of all services have in common: they listen, run until a signal, and stop in order."""

import asyncio
import logging
import signal
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import grpc
from prometheus_client import CollectorRegistry

from epitaxy.chassis.json_logs import configure_logging
from epitaxy.chassis.metrics import MetricsEndpoint
from epitaxy.chassis.settings import host_port
from epitaxy_models.errors import ConfigurationError


class RunningServer(ABC):
    """Runs from `start` to `stop`; as an async context manager, inside the block.

    A subclass builds its parts in `_start`, sets ``_port`` there, and serves its metrics by `_serve_metrics`.

    Args:
        host: Host that it listens on.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._port = 0
        self._stack = AsyncExitStack()
        self._logger = logging.getLogger(type(self).__module__)

    @property
    def address(self) -> str:
        """HOST:PORT that it serves, once started."""
        return host_port(self._host, self._port)

    @property
    def metrics_port(self) -> int:
        """Port of the metrics endpoint, once started."""
        return self._endpoint.port

    async def start(self) -> None:
        """Listens. Raises ConfigurationError if a port or a file cannot be used."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        self._logger.info("listening", extra={"address": self.address, "metrics_port": self.metrics_port})

    async def stop(self) -> None:
        """Reports NOT_SERVING, lets calls end within the grace, closes everything."""
        await self._stack.aclose()
        self._logger.info("stopped")

    async def __aenter__(self) -> Self:
        """Starts."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        await self.stop()

    @abstractmethod
    async def _start(self, stack: AsyncExitStack) -> None:
        """Starts the parts; the stack stops them in reverse order."""

    def _serve_metrics(self, stack: AsyncExitStack, registry: CollectorRegistry, host: str, port: int) -> None:
        """Serves a registry until the stack ends. Raises ConfigurationError."""
        try:
            self._endpoint = MetricsEndpoint(registry, host, port)
        except OSError as error:
            raise ConfigurationError(f"cannot serve metrics on {host_port(host, port)}: {error.strerror}") from error
        stack.push_async_callback(asyncio.to_thread, self._endpoint.close)


async def run_until_signal(server: RunningServer, log_level: str) -> None:
    """Runs a server until SIGTERM or SIGINT, then stops it gracefully."""
    configure_logging(log_level)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with server:
        await stopping.wait()


def listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
    """The port that a server listens on from now on. Raises ConfigurationError."""
    try:
        if credentials is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, credentials))
    except RuntimeError as error:
        raise ConfigurationError(f"cannot listen on {address}: is the port taken?") from error


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end."""
    task.cancel()
    await asyncio.wait([task])
