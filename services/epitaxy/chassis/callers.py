"""Who calls, and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """A kind of call that a key may make."""

    PREDICT = "predict"
    FINETUNE = "finetune"
    CAMPAIGNS = "campaigns"
    CONSORTIUM = "consortium"
    ADMIN = "admin"


ALL_BUT_ADMIN = frozenset(Scope) - {Scope.ADMIN}
"""Scopes of a key whose entry names none."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    Attributes:
        tenant: Whose data the call sees.
        key_id: Public part of the key, or what a token calls itself; empty where no key is needed.
        scopes: What the caller may do.
        weight: Share of the tenant in what is scarce, relative to others.
        expires_at: When the key or token ends; None: never.
        has_own_cache: Whether the tenant's structures are cached apart from those of others.
    """

    tenant: str
    key_id: str = ""
    scopes: frozenset[Scope] = ALL_BUT_ADMIN
    weight: float = 1.0
    expires_at: datetime | None = None
    has_own_cache: bool = False
