"""The substrates of materials without a crystal that a replica has loaded: each when it is first asked for."""

import asyncio
import logging
from collections.abc import Callable

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.prediction.materials.service import MaterialService
from epitaxy.prediction.ports import PredictionMetrics
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.materials import MaterialKind
from epitaxy_models.review import ReviewPolicy
from epitaxy_models.substrates.shipped import shipped_substrate

_LOG = logging.getLogger(__name__)
# Names by kind, which are known before any weights are read.
NAMES = {
    MaterialKind.MOLECULE: "substrate-molecule",
    MaterialKind.POLYMER: "substrate-molecule",
    MaterialKind.COMPOSITION: "substrate-composition",
}


class MaterialServices:
    """Opens substrates by kind or name. The event loop owns it."""

    def __init__(self, metrics: Callable[[str], PredictionMetrics], policy: ReviewPolicy) -> None:
        """``metrics`` makes those of a ``NAME:VERSION``."""
        self._metrics, self._policy = metrics, policy
        self._opening: dict[str, asyncio.Task[MaterialService]] = {}

    async def of_kind(self, kind: MaterialKind) -> MaterialService:
        """The substrate of a kind of material other than crystals."""
        name = NAMES[kind]
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.ensure_future(asyncio.to_thread(self._open, kind))
        try:
            # Shielded: others wait for the same substrate even if the first caller leaves.
            return await asyncio.shield(task)
        except Exception:
            self._opening.pop(name, None)
            raise

    async def named(self, name: str) -> MaterialService | None:
        """The substrate of that name; None if no substrate of materials is called so."""
        kind = next((kind for kind, own in NAMES.items() if own == name), None)
        return None if kind is None else await self.of_kind(kind)

    async def under(self, served: ServedVersion) -> MaterialService:
        """The substrate that a tenant's model was fitted on. Raises FailedPreconditionError (WRONG_BASE)."""
        service = await self.of_kind(served.kind)
        base, version = served.card.base, served.version
        if base.digest != service.substrate.digest:
            raise FailedPreconditionError(
                f"{version.model} version {version.version} was fitted on {base.name} {base.version}, and this server "
                f"has {service.label}: fit it again",
                reason="WRONG_BASE",
            )
        return service

    def _open(self, kind: MaterialKind) -> MaterialService:
        substrate = shipped_substrate(kind)
        _LOG.info("opening %s", substrate.card.name)
        label = f"{substrate.card.name}:{substrate.card.version}"
        service = MaterialService(substrate, self._metrics(label), self._policy)
        # Kernels are loaded, or compiled, before the first answer.
        substrate.embed([])
        return service
