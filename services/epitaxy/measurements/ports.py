"""What the use cases need from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from epitaxy.measurements.domain import Outcome, PredictedMeasurement, PropertyHealth, Subject


class MeasurementStore(Protocol):
    """Measurements of all tenants; every method is one transaction and raises UnavailableError without a store."""

    def record(
        self,
        subject: Subject,
        unit: str,
        measurements: Sequence[PredictedMeasurement],
        at: datetime,
        check: Callable[[int], None],
    ) -> tuple[Sequence[Outcome], PropertyHealth]:
        """Keeps new measurements; returns the outcome of each and the property's health afterwards.

        ``check`` gets the number that the tenant would hold and raises if that is too many; then nothing is kept.
        """

    def health(self, tenant: str, model: str, version: str) -> Sequence[PropertyHealth]:
        """The properties of a version that the tenant has measured, by name."""

    def measured_since(self, at: datetime, limit: int) -> Sequence[PropertyHealth]:
        """Of all tenants, what was measured after a time, the latest first."""

    def held(self, tenant: str) -> int:
        """Number of measurements of a tenant."""

    def delete_tenant(self, tenant: str) -> int:
        """Removes all measurements of a tenant; returns their number."""
