"""Tenants' models with a backbone of their own: they run beside the ensemble, where torch and the device are."""

from epitaxy.chassis.errors import EpitaxyError
from epitaxy.prediction.tenant_models import TenantModels
from epitaxy.prediction.tenant_pool import TenantPool
from epitaxy.prediction.tenant_service import TenantQuestion, answer_of
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.ensembles.readout import EnsemblePrediction


class NetworkRunner:
    """The replica's side: loads models on demand, keeps those used last, a few threads for all tenants."""

    def __init__(self, models: TenantModels, pool: TenantPool) -> None:
        self._models, self._pool = models, pool

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> "EnsemblePrediction | EpitaxyError":
        """Predictions, or the error: Ray wraps what a replica raises, what is returned keeps its type."""
        try:
            model = await self._models.loaded(version)
            return await self._pool.run(version.model.tenant, lambda: answer_of(model, version, lambda: question))
        except EpitaxyError as error:
            return error
