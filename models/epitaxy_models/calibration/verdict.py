"""What is said of a structure's distance from the training data; services that compute nothing read it as well."""

from dataclasses import dataclass
from enum import StrEnum


class DomainVerdict(StrEnum):
    """Whether the training data speak for a structure."""

    IN_DOMAIN = "IN_DOMAIN"
    BORDERLINE = "BORDERLINE"
    OUT_OF_DOMAIN = "OUT_OF_DOMAIN"


@dataclass(frozen=True, slots=True)
class DomainScore:
    """Verdict on one structure.

    Attributes:
        score: Share of held-out source structures that lie nearer to the training data, 0 to 1.
        verdict: The score against its thresholds, and the elements against the training data.
        reason: One line; empty when IN_DOMAIN.
    """

    score: float
    verdict: DomainVerdict
    reason: str
