"""What the use cases need from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from epitaxy.campaigns.domain.events import Event, Happening
from epitaxy.campaigns.domain.record import CampaignState
from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What identifies a repeated request: the caller's id, and a digest of the request's content."""

    request_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class CampaignKey:
    """One campaign of one tenant: the id is new for each creation, even of a name that was used before."""

    id: str
    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What lists, scrapes and restarts read of a campaign without folding its log.

    Attributes:
        is_waiting: Whether its pool has to be prepared further.
        n_predicted: Results that had a prediction on record.
        n_covered: Those inside of their interval.
    """

    state: CampaignState
    is_waiting: bool
    n_pending: int = 0
    n_predicted: int = 0
    n_covered: int = 0
    pool: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last campaign of a page."""

    created_at: datetime
    id: str


class ConflictError(Exception):
    """Another process has added an entry meanwhile: read the log again."""


class CampaignLog(Protocol):
    """Logs of all campaigns. Every method is one transaction and raises UnavailableError without a store."""

    def create(
        self,
        key: CampaignKey,
        event: Event,
        summary: Summary,
        request: RequestKey | None,
        check: Callable[[int], None],
    ) -> CampaignKey:
        """Adds a campaign with its first entry, or finds the one that an equal request created.

        ``check`` gets the number of campaigns that the tenant has, closed ones left out, and raises if that is too
        many. Raises FailedPreconditionError if the name is taken or the request id was used otherwise.
        """

    def find(self, tenant: str, name: str) -> CampaignKey:
        """A campaign by name. Raises NotFoundError."""

    def page(self, tenant: str, size: int, after: Cursor | None) -> Sequence[tuple[CampaignKey, Cursor]]:
        """Campaigns of a tenant, the latest first."""

    def waiting(self) -> Sequence[CampaignKey]:
        """Campaigns of all tenants whose pools have to be prepared."""

    def events(self, campaign_id: str, after: int = 0) -> Sequence[Event]:
        """Entries of a log after a number, in order. Raises NotFoundError for a campaign that was deleted."""

    def append(self, key: CampaignKey, event: Event, summary: Summary, request: RequestKey | None = None) -> None:
        """Adds the entry that follows the last one, and the request that brought it.

        Raises ConflictError if the entry's number is not the next one, NotFoundError for a deleted campaign.
        """

    def find_request(self, key: CampaignKey, request: RequestKey) -> int | None:
        """Number of the entry that an equal request brought. Raises FailedPreconditionError if it was another one."""

    def find_creation(self, tenant: str, request: RequestKey) -> CampaignKey | None:
        """The campaign that an equal request created. Raises FailedPreconditionError if it was another one."""

    def delete(self, key: CampaignKey) -> None:
        """Removes a campaign with its log; what is not there is no error."""

    def summaries(self) -> Sequence[tuple[CampaignKey, Summary]]:
        """Summaries of the campaigns of all tenants that are not closed, the latest first."""


class CampaignObserver(Protocol):
    """Is told what happens. An observer MUST neither raise nor block."""

    def happened(self, happening: Happening) -> None:
        """An entry was added to a log."""

    def scored(self, n_predicted: int, n_covered: int) -> None:
        """Results came in that had a prediction on record; some were inside of their interval."""

    def fell_back(self, speaking: str) -> None:
        """Another model than the transferred one took over."""

    def appended(self, seconds: float) -> None:
        """An entry was written."""

    def conflict(self) -> None:
        """Another process wrote first."""


def unknown_campaign() -> NotFoundError:
    """The error of a name that is not the caller's: the same whether another tenant has it or nobody."""
    return NotFoundError("there is no such campaign: list the campaigns to see yours", reason="UNKNOWN_CAMPAIGN")


def reused_request_id() -> FailedPreconditionError:
    """The error of a request id that comes again with other content."""
    return FailedPreconditionError(
        "the request id was used for another request: repeat that one unchanged, or choose another id",
        reason="REQUEST_ID_REUSED",
    )
