"""Tenants' models with a backbone of their own: they run beside the ensemble, where torch and the device are."""

from epitaxy.prediction.tenants.lanes import TenantLanes
from epitaxy.prediction.tenants.models import TenantModels
from epitaxy.prediction.tenants.service import TenantQuestion, run_model
from epitaxy.registry.ports import ModelVersion
from epitaxy_models.ensembles.readout import EnsemblePrediction


class TenantRunner:
    """Loads models on demand, keeps those used last, a few threads for all tenants."""

    def __init__(self, models: TenantModels, pool: TenantLanes) -> None:
        self._models, self._pool = models, pool

    async def predict(self, version: ModelVersion, question: TenantQuestion) -> EnsemblePrediction:
        """Predictions ``[n_rows, 1]``. Raises an EpitaxyError."""
        model = await self._models.load(version)
        return await self._pool.run(version.model.tenant, lambda: run_model(model, version, lambda: question))
