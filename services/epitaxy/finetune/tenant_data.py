"""The use case of deleting a tenant's data: jobs with their files, measurements, models."""

from collections.abc import Callable
from dataclasses import dataclass

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.finetune.champions import Caller, Champions
from epitaxy.finetune.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Deleted:
    """Numbers of what was removed."""

    n_jobs: int
    n_models: int


@dataclass(frozen=True, slots=True)
class TenantData:
    """All data of tenants.

    Attributes:
        jobs: Jobs, labels and reports.
        champions: Models, and the record that they were deleted.
        delete_measurements: Removes a tenant's measurements; returns their number.
    """

    jobs: Jobs
    champions: Champions
    delete_measurements: Callable[[str], int]

    def delete(self, caller: Caller, *, confirm: bool) -> Deleted:
        """Removes everything of the caller's tenant. If it fails halfway, calling it again removes the rest.

        Raises InvalidRequestError without confirmation, UnavailableError if a part does not answer.
        """
        if not confirm:
            raise InvalidRequestError.of_field("confirm", "must be true: nothing brings the data back")
        # Jobs first: a job that still runs would register another model.
        n_jobs = self.jobs.delete_all(caller.tenant)
        self.delete_measurements(caller.tenant)
        return Deleted(n_jobs, self.champions.delete_all(caller))
