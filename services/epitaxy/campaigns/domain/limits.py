"""What each tenant may hold."""

from pydantic import BaseModel, ConfigDict, PositiveInt

from epitaxy.chassis.errors import QuotaExceededError


class CampaignQuota(BaseModel):
    """Limits of one tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_campaigns: PositiveInt = 100
    """Campaigns that are not closed."""
    max_candidates: PositiveInt = 1_000_000
    """Candidates of one pool."""


def check_campaigns(quota: CampaignQuota, tenant: str, n_campaigns: int) -> None:
    """Raises QuotaExceededError if one more campaign is too many."""
    if n_campaigns >= quota.max_campaigns:
        message = f"{n_campaigns} campaigns are open, which is the quota: close or delete one"
        raise QuotaExceededError(message, subject=f"tenant:{tenant}", reason="CAMPAIGN_QUOTA")


def check_candidates(quota: CampaignQuota, tenant: str, n_candidates: int) -> None:
    """Raises QuotaExceededError for a pool that is too large."""
    if n_candidates > quota.max_candidates:
        message = f"the pool would have {n_candidates} candidates and the quota is {quota.max_candidates}"
        raise QuotaExceededError(message, subject=f"tenant:{tenant}", reason="CANDIDATE_QUOTA")
