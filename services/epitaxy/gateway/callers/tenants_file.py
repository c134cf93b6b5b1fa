"""The tenants file as it is now: it is watched, so that a key comes and goes without a restart."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from epitaxy.chassis.callers import Caller
from epitaxy.chassis.private_files import read_private
from epitaxy.chassis.running_server import cancelled
from epitaxy.chassis.tenants import TenantDirectory, TenantLimits
from epitaxy_models.errors import ConfigurationError

logger = logging.getLogger(__name__)

WHAT = "the tenants file"


class TenantsFile:
    """Implements Authenticator by the keys of the file. A file that turns bad changes nothing."""

    def __init__(self, path: Path, *, allows_shared: bool = False, interval_seconds: float = 2.0) -> None:
        """Raises ConfigurationError if the file cannot be used."""
        self._path, self._allows_shared, self._interval_seconds = path, allows_shared, interval_seconds
        self._content = self._read()
        self._directory = TenantDirectory.parse(self._content, path.name)
        self._told = ""
        self._on_change: list[Callable[[], None]] = []
        self._watching: asyncio.Task[None] | None = None

    @property
    def directory(self) -> TenantDirectory:
        """What the file said when it was last good."""
        return self._directory

    @property
    def limits(self) -> Mapping[str, TenantLimits]:
        """Limits by tenant, as of now."""
        return self._directory.limits

    async def identify(self, credential: str) -> Caller:
        """Who holds a key. Raises UnauthenticatedError."""
        return self._directory.find(credential)

    def on_change(self, react: Callable[[], None]) -> None:
        """Calls ``react`` after each change of the file."""
        self._on_change.append(react)

    def watch(self) -> None:
        """Begins to look at the file every interval."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stops looking."""
        if self._watching is not None:
            await cancelled(self._watching)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                self._take(await asyncio.to_thread(self._read))
            except ConfigurationError as error:
                self._warn(str(error))

    def _take(self, content: bytes) -> None:
        """Replaces the directory. The content decides, not the time of the file: links are swapped within a tick."""
        if content == self._content:
            return
        self._directory = TenantDirectory.parse(content, self._path.name)
        self._content, self._told = content, ""
        logger.info("the tenants file has changed", extra={"tenants": len(self._directory.limits)})
        for react in self._on_change:
            react()

    def _warn(self, problem: str) -> None:
        """Once a problem: the file is read every few seconds."""
        if problem != self._told:
            logger.error("the tenants file is not taken over, the keys of before stay valid: %s", problem)
            self._told = problem

    def _read(self) -> bytes:
        return read_private(self._path, WHAT, allows_shared=self._allows_shared)
