"""What replicas share: named bytes, wherever they are kept."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from epitaxy.prediction.cache.cache_space import current_space

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_ROOT = b"epitaxy"
_OWN = b"epitaxy:own:"


class SharedEntries(Protocol):
    """Entries by name. Whatever goes wrong with them costs time, never an answer: no method raises."""

    async def read(self, prefix: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Entries of these keys under the prefix that are known."""

    async def write(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps entries by their full names."""


def name(prefix: bytes, key: bytes) -> bytes:
    """The full name of an entry in the space of the call in progress; the prefix begins with ``epitaxy:``."""
    space = current_space()
    if space:
        prefix = _OWN + space.hex().encode() + prefix.removeprefix(_ROOT)
    return prefix + key.hex().encode()


def undamaged(decoded: Mapping[bytes, _T | None]) -> dict[bytes, _T]:
    """What could be decoded; one warning for all that could not."""
    kept = {key: value for key, value in decoded.items() if value is not None}
    if len(kept) < len(decoded):
        _LOG.warning("%d cache entries are damaged: computing them again", len(decoded) - len(kept))
    return kept
