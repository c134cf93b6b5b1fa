"""What each tenant has used: structures per minute, concurrent screens."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from epitaxy.chassis.errors import OverloadedError, QuotaExceededError
from epitaxy.chassis.tenants import TenantLimits

SCREEN_RETRY_SECONDS = 5.0
"""Hint for a refused screen. It is a guess: nobody knows when a running screen ends."""


@dataclass(frozen=True, slots=True)
class TenantUse:
    """What a tenant may use of predictions, and uses at this gateway.

    Attributes:
        open_screens: Screens that are open.
        max_open_screens: Largest number of them.
        structures_per_minute: Allowance; None: none of its own.
        structures_left: Structures that may be sent at once; None as above.
        weight: Share of what is scarce.
        has_own_cache: Whether what the tenant asks is cached for it alone.
    """

    open_screens: int
    max_open_screens: int
    structures_per_minute: int | None
    structures_left: int | None
    weight: float
    has_own_cache: bool


class TokenBucket:
    """An allowance that refills steadily and holds at most one minute of it.

    It may go below zero by one purchase, so a message larger than a minute's allowance passes and is paid off before
    the next.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_second = per_minute / 60
        self._capacity = float(per_minute)
        self._level = self._capacity
        self._updated = now

    def take(self, count: int, now: float) -> float:
        """Takes ``count`` and returns 0. If the bucket is empty, takes nothing and returns the wait in seconds."""
        self._refill(now)
        if self._level < 1:
            return (1 - self._level) / self._per_second
        self._level -= count
        return 0.0

    def left(self, now: float) -> int:
        """Whole structures that it holds, not below 0."""
        self._refill(now)
        return max(0, int(self._level))

    def _refill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._updated) * self._per_second)
        self._updated = now


class TenantQuotas:
    """Keeps tenants to their limits, and the gateway to its own. The gateway's one mutable domain object."""

    def __init__(
        self,
        limits: Mapping[str, TenantLimits],
        max_screens: int,
        clock: Callable[[], float] = monotonic,
        default_screens: int | None = None,
    ) -> None:
        """``default_screens`` holds for a tenant without a number of its own; None: ``max_screens``."""
        self._limits = dict(limits)
        self._default_screens = max_screens if default_screens is None else default_screens
        self._max_screens = max_screens
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._screens: Counter[str] = Counter()

    def change_limits(self, limits: Mapping[str, TenantLimits]) -> None:
        """Replaces all limits. A changed allowance starts full; what is open stays open."""
        before, self._limits = self._limits, dict(limits)
        for tenant in list(self._buckets):
            old, new = before.get(tenant), self._limits.get(tenant)
            if old is None or new is None or old.structures_per_minute != new.structures_per_minute:
                del self._buckets[tenant]

    def take_structures(self, tenant: str, count: int) -> None:
        """Charges structures to a tenant. Raises QuotaExceededError."""
        per_minute = self._limits_of(tenant).structures_per_minute
        if per_minute is None:
            return
        now = self._clock()
        bucket = self._buckets.setdefault(tenant, TokenBucket(per_minute, now))
        wait = bucket.take(count, now)
        if wait > 0:
            message = f"the quota of {per_minute} structures per minute is used up"
            raise QuotaExceededError(message, subject=_subject(tenant), retry_after_seconds=wait)

    def use_of(self, tenant: str) -> TenantUse:
        """What a tenant may use, and uses."""
        limits = self._limits_of(tenant)
        per_minute, bucket = limits.structures_per_minute, self._buckets.get(tenant)
        left = per_minute if bucket is None else bucket.left(self._clock())
        return TenantUse(
            self._screens[tenant],
            min(self._screens_of(tenant), self._max_screens),
            per_minute,
            None if per_minute is None else left,
            limits.weight,
            limits.own_cache,
        )

    @contextmanager
    def screen_slot(self, tenant: str) -> Iterator[None]:
        """Holds one of the tenant's screens. Raises QuotaExceededError, OverloadedError if all are taken."""
        self._check_screens(tenant)
        self._screens[tenant] += 1
        try:
            yield
        finally:
            self._screens[tenant] -= 1

    def _check_screens(self, tenant: str) -> None:
        limit = self._screens_of(tenant)
        if self._screens.total() >= self._max_screens:
            raise OverloadedError("too many screens are open", retry_after_seconds=SCREEN_RETRY_SECONDS)
        if self._screens[tenant] >= limit:
            message = f"the quota of {limit} concurrent screens is used up"
            raise QuotaExceededError(message, subject=_subject(tenant), retry_after_seconds=SCREEN_RETRY_SECONDS)

    def _screens_of(self, tenant: str) -> int:
        own = self._limits_of(tenant).max_concurrent_screens
        return self._default_screens if own is None else own

    def _limits_of(self, tenant: str) -> TenantLimits:
        return self._limits.get(tenant, TenantLimits())


def _subject(tenant: str) -> str:
    return f"tenant:{tenant}"
