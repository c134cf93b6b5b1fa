"""What each tenant may hold at once."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, PositiveInt

from epitaxy.chassis.errors import QuotaExceededError

RETRY_SECONDS = 30.0
"""Hint after a refused job. When a job will end is not known, so this is a guess."""


class TenantQuota(BaseModel):
    """Limits of one tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_active_jobs: PositiveInt = 4
    max_labels: PositiveInt = 20_000
    """Rows of one job's label table."""
    max_stored_models: PositiveInt = 100
    """Versions over all models; a running job counts as the one that it may make."""
    max_measurements: PositiveInt = 100_000
    """Over all models and properties."""


@dataclass(frozen=True, slots=True)
class TenantUsage:
    """What a tenant holds now."""

    active_jobs: int
    stored_models: int


def check_rows(quota: TenantQuota, tenant: str, n_rows: int) -> None:
    """Raises QuotaExceededError for a label table that is too long."""
    if n_rows > quota.max_labels:
        message = f"the labels have {n_rows} rows and the quota is {quota.max_labels}: send fewer"
        raise QuotaExceededError(message, subject=f"tenant:{tenant}", reason="LABEL_QUOTA")


def check_usage(quota: TenantQuota, tenant: str, usage: TenantUsage) -> None:
    """Raises QuotaExceededError if one more job is too many."""
    subject = f"tenant:{tenant}"
    if usage.active_jobs >= quota.max_active_jobs:
        message = f"{usage.active_jobs} jobs have not ended, which is the quota: wait for one to end, or cancel one"
        raise QuotaExceededError(message, subject=subject, reason="JOB_QUOTA", retry_after_seconds=RETRY_SECONDS)
    if usage.stored_models + usage.active_jobs >= quota.max_stored_models:
        message = f"{usage.stored_models} models are stored and the quota is {quota.max_stored_models}"
        raise QuotaExceededError(message, subject=subject, reason="MODEL_QUOTA")
