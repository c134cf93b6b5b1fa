"""What the use cases of measurements need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from epitaxy.gateway.measurements.domain import (
    KeptBatch,
    MeasurementBatch,
    ModelChoice,
    ModelVersion,
    Predictions,
    ServedModel,
)


class Predictor(Protocol):
    """Predicts what was measured. Structures MUST be metered as those of a prediction. Raises an EpitaxyError."""

    async def describe(self, model: ModelChoice) -> ServedModel:
        """Returns the version that a choice means now, and its properties."""

    async def predict(
        self, model: ModelChoice, property_name: str, coverage: float, structures: Sequence[bytes]
    ) -> Predictions:
        """Predicts one property of encoded structures; every structure MUST have an outcome."""


class MeasurementKeeper(Protocol):
    """Keeps measurements of the current request's tenant. Each call makes one attempt and raises an EpitaxyError."""

    def check_configured(self) -> None:
        """Raises FailedPreconditionError if this server keeps no measurements."""

    async def record(self, batch: MeasurementBatch) -> KeptBatch:
        """Keeps measurements beside their predictions. A repeated measurement MUST count once."""

    async def read_health(self, model: ModelVersion) -> bytes:
        """Returns how a model version does, encoded."""
