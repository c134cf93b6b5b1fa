"""Warms up what a tenant's first call would wait for: imports, compiled descriptors, the registry's tables."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from epitaxy.registry.ports import ModelRegistry
from epitaxy_models.graphs.rock_salt import rock_salt
from epitaxy_models.transfer.descriptors import describe

_LOG = logging.getLogger(__name__)
_NOBODY = "nobody"
# Warming up holds the interpreter lock for seconds, and the first screen would wait for it.
_QUIET_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.2
_REGISTRY_POLL_SECONDS = 1.0


def warm_up_beside(registry: ModelRegistry, quiet_seconds: Callable[[], float]) -> threading.Thread:
    """Warms up in a thread of its own; a replica is ready for the shared model before that.

    ``quiet_seconds`` returns how long the replica has been idle; warming up begins in a pause, or after a minute. The
    registry's client, seconds of imports, is loaded once there is a registry.
    """
    thread = threading.Thread(target=_warm_up, args=(registry, quiet_seconds), daemon=True, name="tenant-warmup")
    thread.start()
    return thread


def _warm_up(registry: ModelRegistry, quiet_seconds: Callable[[], float]) -> None:
    _await_pause(quiet_seconds)
    _do((_import_strategies, lambda: describe([rock_salt()])))
    while not registry.exists():
        time.sleep(_REGISTRY_POLL_SECONDS)
    _await_pause(quiet_seconds)
    _do((lambda: list(registry.list(_NOBODY)),))


def _await_pause(quiet_seconds: Callable[[], float]) -> None:
    limit = time.monotonic() + _LONGEST_WAIT_SECONDS
    while quiet_seconds() < _QUIET_SECONDS and time.monotonic() < limit:
        time.sleep(_POLL_SECONDS)


def _do(steps: Sequence[Callable[[], object]]) -> None:
    began = time.monotonic()
    for step in steps:
        try:
            step()
        except Exception:
            # The first call will meet the same fault and report it.
            _LOG.warning("warming up for tenants' models failed", exc_info=True)
    _LOG.info("warm for tenants' models after %.1f s", time.monotonic() - began)


def _import_strategies() -> None:
    from epitaxy_models.transfer.strategies import import_frozen  # noqa: PLC0415  # scipy's optimizers: half a second

    import_frozen()
