"""What a tenant's first call would otherwise wait for: imports, compiled descriptors, the registry's tables."""

import logging
import threading
import time
from collections.abc import Callable

from epitaxy.registry.ports import ModelRegistry
from epitaxy_models.graphs.rock_salt import rock_salt
from epitaxy_models.transfer.descriptors import describe

_LOG = logging.getLogger(__name__)
_NOBODY = "nobody"


def warm_up_beside(registry: ModelRegistry) -> threading.Thread:
    """Does it in a thread of its own: a replica is ready for the shared model before, and without it."""
    thread = threading.Thread(target=_warm_up, args=(registry,), daemon=True, name="tenant-warmup")
    thread.start()
    return thread


def _warm_up(registry: ModelRegistry) -> None:
    began = time.monotonic()
    steps: tuple[Callable[[], object], ...] = (
        _import_strategies,
        lambda: describe([rock_salt()]),
        lambda: list(registry.list(_NOBODY)),
    )
    for step in steps:
        try:
            step()
        except Exception:
            # The first call will meet the same fault, and answer for it.
            _LOG.warning("warming up for tenants' models failed", exc_info=True)
    _LOG.info("warm for tenants' models after %.1f s", time.monotonic() - began)


def _import_strategies() -> None:
    from epitaxy_models.transfer.strategies import import_frozen  # noqa: PLC0415  # scipy's optimizers: half a second

    import_frozen()
