"""The substrates of materials without a crystal that a replica has loaded: each when it is first asked for."""

import asyncio
import logging
from collections.abc import Callable

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.cache.redis_materials import RedisMaterials
from epitaxy.prediction.cache.shared_entries import SharedEntries
from epitaxy.prediction.materials.service import MAX_QUEUED, MaterialService
from epitaxy.prediction.ports import PredictionMetrics
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import ReviewPolicy
from epitaxy_models.substrates.material_catalogue import NAMES, AnyMaterialSubstrate, MaterialCatalogue, load_kernels

_LOG = logging.getLogger(__name__)


class MaterialServices:
    """Opens substrates by kind, name or digest. The event loop owns it."""

    def __init__(
        self,
        metrics: Callable[[str], PredictionMetrics],
        policy: ReviewPolicy,
        catalogue: MaterialCatalogue | None = None,
        shared: SharedEntries | None = None,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        """``metrics`` makes those of a ``NAME:VERSION``; without a ``catalogue`` the shipped substrates answer."""
        self._metrics, self._policy = metrics, policy
        self._catalogue, self._shared, self._max_queued = catalogue or MaterialCatalogue(), shared, max_queued
        # By name and digest, which is empty for the present one.
        self._opening: dict[tuple[str, str], asyncio.Task[MaterialService | None]] = {}

    async def of_kind(self, kind: MaterialKind) -> MaterialService:
        """The present substrate of a kind of material other than crystals."""
        service = await self._opened(NAMES[kind], "")
        assert service is not None  # there is one of each name
        return service

    async def named(self, name: str, version: str = "") -> MaterialService | None:
        """The substrate of that name; None if no substrate of materials is called so.

        An earlier one if its version is asked for and at hand, else the present one.
        """
        if name not in NAMES.values():
            return None
        present = await self._opened(name, "")
        if not version or present is None or version == present.substrate.card.version:
            return present
        digest = await asyncio.to_thread(self._catalogue.digest_of_version, name, version)
        return present if digest is None else await self._opened(name, digest)

    async def under(self, served: ServedVersion) -> MaterialService:
        """The substrate that a tenant's model was fitted on. Raises FailedPreconditionError (WRONG_BASE)."""
        present = await self.of_kind(served.kind)
        base, version = served.card.base, served.version
        if base.digest == present.substrate.digest:
            return present
        service = await self._opened(NAMES[served.kind], base.digest)
        if service is None:
            raise FailedPreconditionError(
                f"{version.model} version {version.version} was fitted on {base.name} {base.version}, and this server "
                f"has {present.label}: fit it again",
                reason="WRONG_BASE",
            )
        return service

    async def _opened(self, name: str, digest: str) -> MaterialService | None:
        key = name, digest
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.ensure_future(asyncio.to_thread(self._open, name, digest))
        try:
            # Shielded: others wait for the same substrate even if the first caller leaves.
            service = await asyncio.shield(task)
        except Exception:
            self._opening.pop(key, None)
            raise
        if service is None:
            # A digest that is not at hand comes from outside: it is not kept.
            self._opening.pop(key, None)
        return service

    def _open(self, name: str, digest: str) -> MaterialService | None:
        substrate = self._catalogue.open_digest(name, digest) if digest else self._catalogue.open(name)
        return None if substrate is None else self._service(substrate)

    def _service(self, substrate: AnyMaterialSubstrate) -> MaterialService:
        label = f"{substrate.card.name}:{substrate.card.version}"
        _LOG.info("opening %s", label)
        shared = self._shared and RedisMaterials(self._shared, substrate.card, substrate.digest)
        service = MaterialService(
            substrate, self._metrics(label), self._policy, shared or None, self._max_queued, OwnHits(self._shared)
        )
        load_kernels(substrate)
        return service
