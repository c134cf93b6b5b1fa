"""What a policy says of one answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ReviewVerdict(StrEnum):
    """What may be done with an answer."""

    ACCEPT = "ACCEPT"
    """It may be used as it is."""
    REVIEW = "REVIEW"
    """A person should look at it first."""
    REJECT = "REJECT"
    """It must not be used."""

    @property
    def gravity(self) -> int:
        """0 for ACCEPT, 2 for REJECT."""
        return list(ReviewVerdict).index(self)


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule that an answer did not meet.

    Attributes:
        verdict: What the rule makes of it.
        code: Stable upper-case code, such as ``INTERVAL_WIDTH``.
        message: One line with the numbers.
    """

    verdict: ReviewVerdict
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """The gravest verdict of all rules, and the rules, the gravest first."""

    verdict: ReviewVerdict
    rules: tuple[FiredRule, ...] = ()

    @classmethod
    def of(cls, fired: Iterable[FiredRule]) -> "ReviewDecision":
        """The decision of the rules that fired; ACCEPT if there are none."""
        rules = tuple(sorted(fired, key=lambda rule: -rule.verdict.gravity))
        return cls(rules[0].verdict, rules) if rules else ACCEPTED

    def with_rules(self, fired: Iterable[FiredRule]) -> "ReviewDecision":
        """The decision of these rules too."""
        more = tuple(fired)
        return ReviewDecision.of((*self.rules, *more)) if more else self


ACCEPTED = ReviewDecision(ReviewVerdict.ACCEPT)
