"""The use cases of measurements, each for one tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from epitaxy.chassis.errors import InvalidRequestError, QuotaExceededError
from epitaxy.measurements.domain import Outcome, PredictedMeasurement, PropertyHealth, Subject
from epitaxy.measurements.ports import MeasurementStore

MAX_MEASUREMENTS = 64
"""Largest number of measurements in one request."""


@dataclass(frozen=True, slots=True)
class MeasurementService:
    """Measurements of tenants. Every method blocks on its store and is safe for threads.

    Attributes:
        store: Store of the measurements.
        limit_of: Returns the number of measurements that a tenant may hold.
    """

    store: MeasurementStore
    limit_of: Callable[[str], int]

    def record(
        self, subject: Subject, unit: str, measurements: Sequence[PredictedMeasurement]
    ) -> tuple[Sequence[Outcome], PropertyHealth]:
        """Keeps measurements; repeats count once. Raises InvalidRequestError, QuotaExceededError."""
        if not (subject.model and subject.version and subject.property):
            raise InvalidRequestError(
                "a measurement belongs to a property of a model version: name model, version and property"
            )
        if len(measurements) > MAX_MEASUREMENTS:
            description = f"has {len(measurements)} entries, at most {MAX_MEASUREMENTS} are allowed"
            raise InvalidRequestError.of_field("measurements", description)
        if len({measurement.id for measurement in measurements}) < len(measurements):
            raise InvalidRequestError.of_field("measurements", "has an id twice")
        return self.store.record(subject, unit, measurements, datetime.now(UTC), self._check(subject.tenant))

    def health(self, tenant: str, model: str, version: str) -> Sequence[PropertyHealth]:
        """Health of those properties of a version that the tenant has measured."""
        return self.store.health(tenant, model, version)

    def delete(self, tenant: str) -> int:
        """Removes all measurements of a tenant; returns their number."""
        return self.store.delete_tenant(tenant)

    def _check(self, tenant: str) -> Callable[[int], None]:
        limit = self.limit_of(tenant)

        def check(n_held: int) -> None:
            if n_held > limit:
                message = f"{n_held} measurements would be kept and the quota is {limit}: ask for a larger one"
                raise QuotaExceededError(message, subject=f"tenant:{tenant}", reason="MEASUREMENT_QUOTA")

        return check
