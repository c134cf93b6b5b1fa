"""Why a round ends without a sum. Nothing is opened in any of these cases."""

from epitaxy.chassis.errors import FailedPreconditionError


class RoundFailedError(FailedPreconditionError):
    """The round has failed. Correct what the message names, and begin a new round."""

    default_reason = "ROUND_FAILED"


class MemberMissingError(RoundFailedError):
    """A member did not answer in time, so that no sum is opened."""

    default_reason = "MEMBER_MISSING"

    def __init__(self, message: str, *, reason: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.missing = missing


class MemberRefusedError(RoundFailedError):
    """A member refused to take part in a step; the message has its reason."""

    default_reason = "MEMBER_REFUSED"


class QuorumError(FailedPreconditionError):
    """The members of a sum are too few, or differ by one from those of an earlier sum."""

    default_reason = "NO_QUORUM"


class AgreementError(FailedPreconditionError):
    """Members do not agree on units, names, conditions, features, versions or keys."""

    default_reason = "NO_AGREEMENT"


class LedgerError(FailedPreconditionError):
    """A ledger is damaged, or two copies of it differ."""

    default_reason = "LEDGER_DAMAGED"


class BudgetError(FailedPreconditionError):
    """A release would cost more privacy than a member allows."""

    default_reason = "PRIVACY_BUDGET_EXHAUSTED"
