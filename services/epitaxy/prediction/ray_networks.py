"""Sends questions for tenants' own networks to the ensemble replicas."""

import logging

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from epitaxy.chassis.errors import EpitaxyError, UnavailableError
from epitaxy.prediction.tenant_service import TenantQuestion
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.ensembles.readout import EnsemblePrediction

_LOG = logging.getLogger(__name__)


class RayNetworkBackend:
    """Implements NetworkBackend."""

    def __init__(self, ensemble: DeploymentHandle) -> None:
        self._ensemble = ensemble

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]``. Raises what the runner returned, UnavailableError where no replica answers."""
        try:
            result = await self._ensemble.predict_network.remote(version, question)
        except (RayError, RayServeException) as error:
            _LOG.warning("the ensemble did not answer: %s", type(error).__name__)
            raise UnavailableError("the ensemble does not answer: send it again", retry_after_seconds=1.0) from error
        if isinstance(result, EpitaxyError):
            raise result
        return result  # type: ignore[no-any-return]  # Ray has no types
