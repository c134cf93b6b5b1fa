"""Decides when a call that failed upstream is sent again."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform
from time import monotonic
from typing import TypeVar

from epitaxy.chassis.errors import OverloadedError, RetryLaterError, UnavailableError

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

MAX_DOUBLINGS = 30


class UpstreamGoneError(UnavailableError):
    """Nobody was there to take the call, so that another try costs nobody anything: it is waited out."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon.

    Attributes:
        max_losses: How often a call is sent again whose replica died under it, as it may have died of it.
        base_seconds: First wait; it doubles with each loss.
        max_seconds: Longest wait without a hint.
    """

    max_losses: int
    base_seconds: float
    max_seconds: float

    def wait_seconds(self, error: RetryLaterError, n_failures: int) -> float:
        """Wait before the next attempt, with jitter so that callers do not come back in step.

        Never shorter than the hint; without one, between half and all of the doubled base.
        """
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds * uniform(1.0, 1.25)
        doubled = self.base_seconds * 2.0 ** min(n_failures - 1, MAX_DOUBLINGS)
        return min(self.max_seconds, doubled) * uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one caller waits: overload is waited out only if the caller has a stream to keep."""

    give_up_at: float
    waits_out_overload: bool

    def allows(self, error: RetryLaterError, n_failures: int, policy: RetryPolicy) -> bool:
        """Whether the policy allows another attempt."""
        if isinstance(error, UpstreamGoneError):
            return True
        if isinstance(error, OverloadedError):
            return self.waits_out_overload
        return n_failures <= policy.max_losses


async def call_again(
    attempt: Callable[[], Awaitable[ResultT]],
    policy: RetryPolicy,
    patience: Patience,
    on_retry: Callable[[str], None],
) -> ResultT:
    """Repeats ``attempt``, which must be idempotent, until it succeeds. Raises its last error."""
    failures: Counter[str] = Counter()
    while True:
        try:
            return await attempt()
        except (UnavailableError, OverloadedError) as error:
            failures[error.default_reason] += 1
            n_failures = failures[error.default_reason]
            wait = policy.wait_seconds(error, n_failures)
            if not patience.allows(error, n_failures, policy) or monotonic() + wait >= patience.give_up_at:
                raise
            on_retry(error.default_reason)
            logger.info("sending again", extra={"reason": error.reason, "wait_seconds": round(wait, 3)})
        await asyncio.sleep(wait)
