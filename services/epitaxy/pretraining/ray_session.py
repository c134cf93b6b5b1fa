"""Ray for one run: a cluster's, or a private one that ends with this process."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from epitaxy.pretraining.domain import PretrainRun


@contextmanager
def ray_session(run: PretrainRun, address: str = "") -> Iterator[None]:
    """Connects to ``address``, or starts a node with the workers' cores; an existing connection is used as it is."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address:
        ray.init(address=address, log_to_driver=False)
    else:
        # A private node whose address nobody else gets; by default Ray would write a token below the home folder.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        cores = math.ceil(run.workers * run.cpus_per_worker)
        ray.init(address="local", num_cpus=cores, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
