"""Tenants' models with a backbone of their own: they run beside the ensemble, where torch and the device are."""

from epitaxy.prediction.tenants.lanes import TenantPool
from epitaxy.prediction.tenants.models import TenantModels
from epitaxy.prediction.tenants.service import TenantQuestion, answer_of
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.ensembles.readout import EnsemblePrediction


class NetworkRunner:
    """Loads models on demand, keeps those used last, a few threads for all tenants."""

    def __init__(self, models: TenantModels, pool: TenantPool) -> None:
        self._models, self._pool = models, pool

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]``. Raises an EpitaxyError."""
        model = await self._models.loaded(version)
        return await self._pool.run(version.model.tenant, lambda: answer_of(model, version, lambda: question))
