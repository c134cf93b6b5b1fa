"""The twelve faults: what is struck, and what else is under way meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.harm import CORE, How

DISK = "disk"
STOP_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        part: What is struck; ``disk``: the disk of the stack's home fills up, and has room again later.
        how: Kill or stop; a disk has but one way.
        bypasses_cache: Whether the screens leave the cache unread, so that the part has work at all.
        beside: Work that is accepted before and has to end: ``jobs``, ``campaigns``.
    """

    part: str
    how: How
    bypasses_cache: bool = False
    beside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "disk full" if self.part == DISK else f"{self.part}, {self.how}"

    @property
    def is_core(self) -> bool:
        """Whether it may cost the whole of Ray, which a stack survives once in ten minutes."""
        return self.part in CORE

    @property
    def n_strikes(self) -> int:
        return 1 if self.is_core or self.part == DISK else 2


def all_faults(hows: Sequence[How] = (How.KILL, How.STOP)) -> list[Fault]:
    """Twelve, those of processes once for each way. Those that need a stack to themselves come last."""
    shared = [
        ("gateway", False, ()),
        ("proxy", False, ()),
        ("intake", False, ()),
        ("ensemble", True, ()),
        ("controller", False, ()),
        ("redis", False, ()),
        ("finetune", False, ("jobs",)),
        ("campaigns", False, ("campaigns",)),
        ("gcs", False, ()),
        ("raylet", False, ()),
        ("agent", False, ()),
    ]
    found = [Fault(part, how, bypasses, beside) for part, bypasses, beside in shared for how in hows]
    return [*found, Fault(DISK, How.KILL, beside=("jobs", "campaigns"))]
