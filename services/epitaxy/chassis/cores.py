"""Cores of this machine."""

import os


def usable_cores() -> int:
    """Cores that this process may run on; 1 if the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
