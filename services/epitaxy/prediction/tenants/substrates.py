"""The substrates of one replica: the present one, and earlier ones once a tenant's model needs them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.tenants.features import TenantFeatures
from epitaxy.prediction.tenants.models import ServedVersion
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.errors import CheckpointError

_LOG = logging.getLogger(__name__)
# A quarter of what the present substrate keeps: fewer models stand on an earlier one, and fewer still as time goes on.
_EARLIER_FEATURES_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Substrate:
    """One substrate with what answers from it.

    Attributes:
        service: Predicts and embeds with it.
        features: Inputs of the tenants' models that were fitted on it.
        is_current: Whether new work stands on it.
    """

    service: PredictionService
    features: TenantFeatures
    is_current: bool = True

    @property
    def artifact(self) -> ModelArtifact:
        """Its weights and card."""
        return self.service.artifact

    @classmethod
    def of(
        cls, service: PredictionService, *, is_current: bool = True, features_bytes: int | None = None
    ) -> "Substrate":
        """A substrate behind a service."""
        artifact = service.artifact
        features = TenantFeatures(artifact) if features_bytes is None else TenantFeatures(artifact, features_bytes)
        return cls(service, features, is_current)


class Substrates:
    """Finds the substrate under a model, and opens an earlier one on first need. The event loop owns it."""

    def __init__(
        self, current: Substrate, catalogue: SubstrateCatalogue, open_earlier: Callable[[ModelArtifact], Substrate]
    ) -> None:
        """``open_earlier`` is called in a thread."""
        self.current, self.catalogue, self._open_earlier = current, catalogue, open_earlier
        self._earlier: dict[str, asyncio.Task[Substrate]] = {}

    async def under(self, served: ServedVersion) -> Substrate:
        """The substrate that a tenant's model was fitted on.

        The model answers crystals. Raises FailedPreconditionError (WRONG_BASE) if this server does not have it.
        """
        base, version = served.card.base, served.version
        try:
            return await self._of_digest(base.digest, f"{base.name} {base.version}")
        except CheckpointError as error:
            message = f"{version.model} version {version.version} cannot be served: {error.message}; roll back"
            raise FailedPreconditionError(message, reason=error.reason) from error

    def is_current(self, digest: str) -> bool:
        """Whether these are the weights that new work stands on."""
        return digest == self.current.artifact.weights_digest

    async def of_version(self, name: str, version: str) -> Substrate | None:
        """The substrate of that name and version; None if this server has none."""
        card = self.current.artifact.card
        if (name, version) == (card.name, card.version):
            return self.current
        artifact = await asyncio.to_thread(self.catalogue.of_version, name, version)
        return None if artifact is None else await self._of_digest(artifact.weights_digest, f"{name} {version}")

    async def _of_digest(self, digest: str, label: str) -> Substrate:
        if self.is_current(digest):
            return self.current
        task = self._earlier.get(digest)
        if task is None:
            task = self._earlier[digest] = asyncio.ensure_future(asyncio.to_thread(self._open, digest, label))
        try:
            # Shielded: others wait for the same substrate even if the first caller leaves.
            return await asyncio.shield(task)
        except Exception:
            self._earlier.pop(digest, None)
            raise

    def _open(self, digest: str, label: str) -> Substrate:
        artifact = self.catalogue.require(digest, label)
        _LOG.info("opening the earlier substrate %s", artifact.label)
        return self._open_earlier(artifact)
