"""Whose hits are told: a cache that tenants share must not tell one what another has asked."""

from collections.abc import Mapping
from hashlib import blake2b

from epitaxy.chassis.request_context import current_request
from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.shared_entries import SharedEntries, name

_PREFIX = b"epitaxy:asked:"
_LOCAL_BYTES = 16 * 2**20
# A name of some 30 bytes, and what Python keeps around it.
_MARK_BYTES = 160


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
        crystals = keys or {}
        names = {digest: _names(tenant, digest, crystals.get(digest)) for digest in is_hit}
        known = {mark for marks in names.values() for mark in marks if self._marks.get(mark)}
        asked = [mark for digest, marks in names.items() if is_hit[digest] and not known & set(marks) for mark in marks]
        known |= await self._read(asked)
        await self._mark({mark for marks in names.values() for mark in marks} - known)
        for mark in known:
            self._marks.put(mark, True)
        return {digest: hit and bool(known & set(names[digest])) for digest, hit in is_hit.items()}

    async def _read(self, marks: list[bytes]) -> set[bytes]:
        if self._shared is None or not marks:
            return set()
        return set(await self._shared.read(_PREFIX, marks))

    async def _mark(self, marks: set[bytes]) -> None:
        for mark in marks:
            self._marks.put(mark, True)
        if self._shared is not None and marks:
            await self._shared.write([(name(_PREFIX, mark), b"1") for mark in marks])


def _names(tenant: str, *parts: bytes | None) -> tuple[bytes, ...]:
    key = blake2b(tenant.encode(), digest_size=16).digest()
    return tuple(blake2b(part, key=key, digest_size=16).digest() for part in parts if part is not None)
