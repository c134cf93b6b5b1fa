"""When requests should be sent. Never when the last one was answered: that would hide every stall."""

from collections.abc import Iterator

import numpy as np

from loadtest.scenario.config import OpenLoop


def intended_times(loop: OpenLoop, random: np.random.Generator) -> Iterator[float]:
    """Seconds from the start of the phase, ascending, without end."""
    now = 0.0
    while True:
        gap = 1 / loop.requests_per_second
        now += float(random.exponential(gap)) if loop.arrivals == "poisson" else gap
        yield now
