"""Whose cache a call reads and writes: that of all tenants, or one of the tenant's own.

The space is a part of every name in a cache, local or shared, so that what one tenant has asked neither answers nor
hastens another, not even by the time that an answer takes.
"""

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from hashlib import blake2b
from typing import TypeVar

from epitaxy.chassis.request_context import current_request

_ResultT = TypeVar("_ResultT")
_SPACE_BYTES = 12


def current_space() -> bytes:
    """The space of the call in progress: empty for the shared one, else a hash, which does not tell the tenant."""
    call = current_request()
    if not call.has_own_cache:
        return b""
    return blake2b(call.tenant.encode(), digest_size=_SPACE_BYTES, person=b"own cache").digest()


def within_call(work: Callable[..., _ResultT]) -> Callable[..., _ResultT]:
    """The same work for a thread, which by itself knows nothing of the call that it works for."""
    return partial(copy_context().run, work)
