"""What a campaign is after, as it goes to the server."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.campaigns.goals import Limit, Objective
from epitaxy.client.errors import InvalidRequestError

STARTS = {
    "auto": campaigns_pb2.START_AUTO,
    "head": campaigns_pb2.START_HEAD,
    "diverse": campaigns_pb2.START_DIVERSE,
    "random": campaigns_pb2.START_RANDOM,
}
ACQUISITIONS = {
    "auto": campaigns_pb2.ACQUISITION_UNSPECIFIED,
    "expected_improvement": campaigns_pb2.ACQUISITION_EXPECTED_IMPROVEMENT,
    "upper_confidence_bound": campaigns_pb2.ACQUISITION_UPPER_CONFIDENCE_BOUND,
    "thompson": campaigns_pb2.ACQUISITION_THOMPSON,
    "largest_uncertainty": campaigns_pb2.ACQUISITION_LARGEST_UNCERTAINTY,
    "greedy": campaigns_pb2.ACQUISITION_GREEDY,
    "random": campaigns_pb2.ACQUISITION_RANDOM,
}
MAX_BATCH = 1000


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Everything about a new campaign but its pool; see ``create`` of the client for what the fields mean."""

    name: str
    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()
    batch: int = 5
    budget: float | None = None
    is_budget_cost: bool = False
    seed: int = 0
    start: str = "auto"
    acquisition: str = "auto"
    base_model: str = ""
    lease_seconds: float | None = None
    is_cost_aware: bool = False
    margin: float | None = None
    allowed_elements: Sequence[str] = ()
    excluded_elements: Sequence[str] = ()
    domain: Sequence[str] = ()
    review: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= MAX_BATCH:
            raise _invalid(f"the batch is {self.batch}: give 1 to {MAX_BATCH}")
        if self.budget is not None and not (math.isfinite(self.budget) and self.budget > 0):
            raise _invalid(f"the budget is {self.budget:g}: give a positive number")
        if self.budget is not None and not self.is_budget_cost and self.budget != int(self.budget):
            raise _invalid(f"the budget is {self.budget:g}: without costs it is a number of candidates")
        if not 0 <= self.seed < 1 << 32:
            raise _invalid(f"the seed is {self.seed}: give 0 to {(1 << 32) - 1}")
        for what, given, known in (("start", self.start, STARTS), ("acquisition", self.acquisition, ACQUISITIONS)):
            if given not in known:
                raise _invalid(f"the {what} is {given!r}: give one of {', '.join(known)}")
        if self.lease_seconds is not None and not self.lease_seconds > 0:
            raise _invalid("the lease must be more than 0 seconds")

    def to_proto(self) -> campaigns_pb2.CampaignSpec:
        """The spec on the wire."""
        spec = campaigns_pb2.CampaignSpec(
            name=self.name,
            objectives=[entry.to_proto() for entry in self.objectives],
            constraints=[entry.to_proto() for entry in self.limits],
            rules=self._rules(),
            batch_size=self.batch,
            budget=self._budget(),
            seed=self.seed,
            start=STARTS[self.start],
            acquisition=ACQUISITIONS[self.acquisition],
            base_model=self.base_model,
            is_cost_aware=self.is_cost_aware,
            margin=self.margin,
        )
        if self.lease_seconds is not None:
            spec.lease_duration.FromMilliseconds(max(1, round(self.lease_seconds * 1000)))
        return spec

    def _rules(self) -> campaigns_pb2.PoolRules:
        return campaigns_pb2.PoolRules(
            allowed_elements=self.allowed_elements,
            excluded_elements=self.excluded_elements,
            domain_verdicts=self.domain,
            review_verdicts=self.review,
        )

    def _budget(self) -> campaigns_pb2.CampaignBudget | None:
        if self.budget is None:
            return None
        if self.is_budget_cost:
            return campaigns_pb2.CampaignBudget(cost=self.budget)
        return campaigns_pb2.CampaignBudget(n_candidates=int(self.budget))


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, reason="INVALID_CAMPAIGN")
