"""Whose hits are told: a cache that tenants share must not tell one what another has asked."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.shared_entries import SharedEntries, name

_PREFIX = b"epitaxy:asked:"
_LOCAL_BYTES = 16 * 2**20
# A mark of some 40 bytes, and what Python keeps around it.
_MARK_BYTES = 160
_PART_BYTES = 16


class OwnHits:
    """Remembers which structures a tenant has asked for. The event loop owns it.

    A mark is a name and nothing else; the shared one is a hash, which tells neither the tenant nor the structure.
    """

    def __init__(self, shared: SharedEntries | None = None, local_bytes: int = _LOCAL_BYTES) -> None:
        """``shared`` is what the replicas share; None: this replica remembers for itself."""
        self._shared = shared
        self._marks: LruCache[bool] = LruCache(local_bytes, lambda _: _MARK_BYTES)

    async def own(self, is_hit: Mapping[bytes, bool], keys: Mapping[bytes, bytes] | None = None) -> dict[bytes, bool]:
        """Which hits the caller may be told, and marks all as asked for.

        A call without a tenant, which only the local stack's parts make, is told of all.

        Args:
            is_hit: Whether a cache answered, by content digest of the structure.
            keys: Key of the crystal by content digest, where it is known: one crystal has many cells.
        """
        tenant = current_request().tenant
        if not tenant or not is_hit:
            return dict(is_hit)
        marks = _marks_of(tenant, is_hit, keys or {})
        known = {mark for own in marks.values() for mark in own if self._marks.get(mark)}
        asked = [mark for digest, own in marks.items() if is_hit[digest] and known.isdisjoint(own) for mark in own]
        elsewhere = await self._read(asked) if asked else set()
        for mark in elsewhere:
            self._marks.put(mark, True)
        known |= elsewhere
        await self._mark({mark for own in marks.values() for mark in own if mark not in known})
        return {digest: hit and not known.isdisjoint(marks[digest]) for digest, hit in is_hit.items()}

    async def _read(self, marks: list[bytes]) -> set[bytes]:
        if self._shared is None:
            return set()
        names = {_shared_name(mark): mark for mark in marks}
        return {names[found] for found in await self._shared.read(_PREFIX, list(names))}

    async def _mark(self, marks: set[bytes]) -> None:
        for mark in marks:
            self._marks.put(mark, True)
        if self._shared is not None and marks:
            await self._shared.write([(name(_PREFIX, _shared_name(mark)), b"1") for mark in marks])


def _marks_of(tenant: str, digests: Iterable[bytes], crystals: Mapping[bytes, bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """Marks by digest: of the cell, and of the crystal where it is known. A mark begins with the tenant's part."""
    own = blake2b(tenant.encode(), digest_size=_PART_BYTES).digest()
    if not crystals:
        return {digest: (own + digest,) for digest in digests}
    return {
        digest: tuple(own + part for part in (digest, crystals.get(digest)) if part is not None) for digest in digests
    }


def _shared_name(mark: bytes) -> bytes:
    """What others may see of a mark: a hash."""
    return blake2b(mark[_PART_BYTES:], key=mark[:_PART_BYTES], digest_size=16).digest()
