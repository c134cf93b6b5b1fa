"""Review policies: which answers of a model may be used unseen."""

from epitaxy_models.review.decision import FiredRule, ReviewDecision, ReviewVerdict
from epitaxy_models.review.doubts import doubts_of
from epitaxy_models.review.policy import DEFAULT_POLICY, ReviewPolicy

__all__ = ["DEFAULT_POLICY", "FiredRule", "ReviewDecision", "ReviewPolicy", "ReviewVerdict", "doubts_of"]
