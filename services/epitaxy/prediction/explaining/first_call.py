"""The first explanation starts an explainer: it says so, one at a time does, and none waits longer than it has.

A process that explains takes about 22 s and 660 MiB to start, and ends when it has been idle for long.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from epitaxy.chassis.errors import OverloadedError
from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.materials import MaterialExplanationBackend, MaterialQuery, MaterialQuestion
from epitaxy.prediction.explaining.service import ExplanationBackend, ExplanationQuery
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.explanation.materials.explanation import MaterialExplanation
from epitaxy_models.structures import Structure

_LOG = logging.getLogger(__name__)
# An explainer that runs, and that another replica has started, answers within this time.
_GRACE_SECONDS = 0.5
_EXPECTED_SECONDS = 30.0


class StartMetrics(Protocol):
    """Counts starts of explainers."""

    def observe_start(self, seconds: float) -> None:
        """Observes how long a first call waited until an explainer answered."""

    def count_too_short(self) -> None:
        """Counts a call that was refused because its deadline was too short for a start."""


class ExplainerStart:
    """Whether an explainer runs, as far as this replica knows. The event loop owns it.

    Args:
        wake: Calls an explainer with nothing to explain, which starts one if none runs.
        idle_seconds: Idle time after which an explainer ends.
        metrics: Where starts are counted.
        clock: Seconds.
    """

    def __init__(
        self,
        wake: Callable[[], Awaitable[object]],
        idle_seconds: float,
        metrics: StartMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wake, self._idle, self._metrics, self._clock = wake, idle_seconds, metrics, clock
        self._runs_until = 0.0
        self._expected = _EXPECTED_SECONDS
        self._began = 0.0
        self._starting: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Waits until an explainer runs; all calls wait for the same start.

        Raises OverloadedError at once if the call's deadline is shorter than the start will take, which goes on, and
        what the start raises.
        """
        if self._clock() < self._runs_until:
            return
        starting = self._begin()
        done, _ = await asyncio.wait({starting}, timeout=_GRACE_SECONDS)
        if not done:
            self._announce()
        await asyncio.shield(starting)

    def answered(self) -> None:
        """Notes that an explainer has just answered."""
        self._runs_until = self._clock() + self._idle

    def _begin(self) -> "asyncio.Task[None]":
        if self._starting is None:
            self._began = self._clock()
            self._starting = asyncio.ensure_future(self._start())
            # Nobody waits for it if its calls were refused.
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._starting

    async def _start(self) -> None:
        try:
            await self._wake()
        finally:
            self._starting = None
        seconds = self._clock() - self._began
        self.answered()
        if seconds > _GRACE_SECONDS:
            self._expected = max(seconds, 1.0)
            self._metrics.observe_start(seconds)
            _LOG.info("an explainer was started within %.1f s", seconds)

    def _announce(self) -> None:
        """Says that a call is the first one. Raises OverloadedError if it cannot wait for that."""
        expected = max(1.0, self._expected - (self._clock() - self._began))
        left = current_request().seconds_left()
        _LOG.info("no explainer runs: this call starts one, in about %.0f s", expected)
        if left is not None and left < expected:
            self._metrics.count_too_short()
            raise OverloadedError(
                f"no explainer runs, and the one that this call starts takes about {expected:.0f} s, longer than the "
                f"{left:.0f} s that it may wait: send it again then, or allow more time",
                reason="EXPLAINER_STARTS",
                retry_after_seconds=expected,
            )


class StartedExplainers:
    """Implements ExplanationBackend and MaterialExplanationBackend over explainers that may have to be started."""

    def __init__(self, crystals: ExplanationBackend, materials: MaterialExplanationBackend, start: ExplainerStart):
        self._crystals, self._materials, self._start = crystals, materials, start

    async def explain(self, structures: Sequence[Structure], query: ExplanationQuery) -> list[Explanation | Refusal]:
        """One answer per structure."""
        await self._start.ready()
        answers = await self._crystals.explain(structures, query)
        self._start.answered()
        return answers

    async def explain_materials(
        self, questions: Sequence[MaterialQuestion], query: MaterialQuery
    ) -> list[MaterialExplanation | Refusal]:
        """The same of materials without a crystal."""
        await self._start.ready()
        answers = await self._materials.explain_materials(questions, query)
        self._start.answered()
        return answers
