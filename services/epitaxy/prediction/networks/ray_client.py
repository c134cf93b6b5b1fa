"""Sends questions for tenants' own networks to the ensemble replicas."""

from ray.serve.handle import DeploymentHandle

from epitaxy.prediction.serve.ray_calls import calling
from epitaxy.prediction.tenants.service import TenantQuestion
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.errors import EpitaxyError


class RayNetworkBackend:
    """Implements NetworkBackend."""

    def __init__(self, ensemble: DeploymentHandle) -> None:
        self._ensemble = ensemble

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]``. Raises what the runner returned, UnavailableError if no replica answers."""
        with calling("ensemble"):
            result = await self._ensemble.predict_network.remote(version, question)
        if isinstance(result, EpitaxyError):
            raise result
        return result  # type: ignore[no-any-return]  # Ray has no types
