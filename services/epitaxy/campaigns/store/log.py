"""Logs of campaigns in a database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from epitaxy.campaigns.domain.events import Event
from epitaxy.campaigns.domain.record import CampaignState
from epitaxy.campaigns.ports import (
    CampaignKey,
    ConflictError,
    Cursor,
    RequestKey,
    Summary,
    reused_request_id,
    unknown_campaign,
)
from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.database.campaign_tables import campaign_events, campaign_requests, campaigns
from epitaxy.database.documents import Documents
from epitaxy.database.tables import Database, tenants

_EVENTS: Documents[Event] = Documents(Event)
_SUMMARIES: Documents[Summary] = Documents(Summary)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = (campaigns.c.id, campaigns.c.tenant, campaigns.c.name)
_CREATION = ""


class SqlCampaignLog:
    """Implements CampaignLog: an entry and the number that the next one must follow are written together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        key: CampaignKey,
        event: Event,
        summary: Summary,
        request: RequestKey | None,
        check: Callable[[int], None],
    ) -> CampaignKey:
        """Adds a campaign while the tenant's row is locked."""
        with self._database.writing() as connection:
            connection.execute(self._database.insert_new(tenants).values(tenant=key.tenant))
            connection.execute(select(tenants).where(tenants.c.tenant == key.tenant).with_for_update())
            found = _created(connection, key.tenant, request) if request else None
            if found is not None:
                return found
            self._check_name(connection, key)
            check(_n_open(connection, key.tenant))
            row = {**asdict(key), "created_us": _microseconds(event.at), "sequence": 1, **_columns(summary)}
            connection.execute(insert(campaigns).values(row))
            _add(connection, key, event, request, _CREATION)
            return key

    def find(self, tenant: str, name: str) -> CampaignKey:
        """A campaign by name."""
        wanted = select(*_KEY).where(campaigns.c.tenant == tenant, campaigns.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise unknown_campaign()
        return CampaignKey(*row)

    def page(self, tenant: str, size: int, after: Cursor | None) -> Sequence[tuple[CampaignKey, Cursor]]:
        """Campaigns, the latest first."""
        wanted = select(*_KEY, campaigns.c.created_us).where(campaigns.c.tenant == tenant)
        if after is not None:
            place = tuple_(campaigns.c.created_us, campaigns.c.id)
            wanted = wanted.where(place < tuple_(_microseconds(after.created_at), after.id))  # type: ignore[arg-type]  # plain values are bound
        ordered = wanted.order_by(campaigns.c.created_us.desc(), campaigns.c.id.desc()).limit(size)
        with self._database.reading() as connection:
            rows = connection.execute(ordered).all()
        return [(CampaignKey(*row[:3]), Cursor(_EPOCH + timedelta(microseconds=row[3]), row[0])) for row in rows]

    def waiting(self) -> Sequence[CampaignKey]:
        """Campaigns whose pools have to be prepared, the oldest first."""
        wanted = select(*_KEY).where(campaigns.c.is_waiting).order_by(campaigns.c.created_us)
        with self._database.reading() as connection:
            return [CampaignKey(*row) for row in connection.execute(wanted)]

    def events(self, campaign_id: str, after: int = 0) -> Sequence[Event]:
        """Entries of a log, in order."""
        own = (campaign_events.c.campaign_id == campaign_id, campaign_events.c.sequence > after)
        wanted = select(campaign_events.c.document).where(*own).order_by(campaign_events.c.sequence)
        with self._database.reading() as connection:
            documents = connection.execute(wanted).scalars().all()
            if not documents and _sequence(connection, campaign_id) is None:
                raise unknown_campaign()
        return [_EVENTS.read(document) for document in documents]

    def append(self, key: CampaignKey, event: Event, summary: Summary, request: RequestKey | None = None) -> None:
        """Adds the next entry, unless another one is the next."""
        with self._database.writing() as connection:
            follows = (campaigns.c.id == key.id, campaigns.c.sequence == event.sequence - 1)
            changed = update(campaigns).where(*follows).values(sequence=event.sequence, **_columns(summary))
            if connection.execute(changed).rowcount == 0:
                if _sequence(connection, key.id) is None:
                    raise unknown_campaign()
                raise ConflictError
            _add(connection, key, event, request, key.id)

    def find_request(self, key: CampaignKey, request: RequestKey) -> int | None:
        """Number of the entry that an equal request brought."""
        with self._database.reading() as connection:
            row = _request(connection, key.tenant, key.id, request)
        return None if row is None else int(row.sequence)

    def find_creation(self, tenant: str, request: RequestKey) -> CampaignKey | None:
        """The campaign that an equal request created."""
        with self._database.reading() as connection:
            return _created(connection, tenant, request)

    def delete(self, key: CampaignKey) -> None:
        """Removes a campaign with its log and its requests."""
        with self._database.writing() as connection:
            connection.execute(delete(campaign_events).where(campaign_events.c.campaign_id == key.id))
            connection.execute(delete(campaign_requests).where(campaign_requests.c.created_id == key.id))
            connection.execute(delete(campaigns).where(campaigns.c.id == key.id))

    def summaries(self) -> Sequence[tuple[CampaignKey, Summary]]:
        """Summaries of campaigns that are not closed, the latest first."""
        is_open = campaigns.c.state != CampaignState.CLOSED.value
        wanted = select(*_KEY, campaigns.c.summary).where(is_open).order_by(campaigns.c.created_us.desc())
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [(CampaignKey(*row[:3]), _SUMMARIES.read(row[3])) for row in rows]

    def is_able(self) -> bool:
        """Whether the store answers. Raises UnavailableError."""
        with self._database.reading() as connection:
            connection.execute(select(func.count()).select_from(campaigns)).scalar_one()
        return True

    def _check_name(self, connection: Connection, key: CampaignKey) -> None:
        own = (campaigns.c.tenant == key.tenant, campaigns.c.name == key.name)
        if connection.execute(select(campaigns.c.id).where(*own)).first() is not None:
            raise FailedPreconditionError(
                f"there is a campaign {key.name} already: choose another name, or delete that one",
                reason="CAMPAIGN_EXISTS",
            )


def _add(connection: Connection, key: CampaignKey, event: Event, request: RequestKey | None, requested_of: str) -> None:
    row = {"campaign_id": key.id, "sequence": event.sequence, "document": _EVENTS.write(event)}
    connection.execute(insert(campaign_events).values(row))
    if request is not None:
        asked = {"tenant": key.tenant, "campaign_id": requested_of, **asdict(request)}
        asked |= {"created_id": key.id, "sequence": event.sequence}
        connection.execute(insert(campaign_requests).values(asked))


def _request(connection: Connection, tenant: str, campaign_id: str, request: RequestKey) -> Any:
    table = campaign_requests.c
    own = (table.tenant == tenant, table.campaign_id == campaign_id, table.request_id == request.request_id)
    row = connection.execute(select(campaign_requests).where(*own)).first()
    if row is not None and row.digest != request.digest:
        raise reused_request_id()
    return row


def _created(connection: Connection, tenant: str, request: RequestKey) -> CampaignKey | None:
    row = _request(connection, tenant, _CREATION, request)
    if row is None:
        return None
    return CampaignKey(*connection.execute(select(*_KEY).where(campaigns.c.id == row.created_id)).one())


def _sequence(connection: Connection, campaign_id: str) -> int | None:
    return connection.execute(select(campaigns.c.sequence).where(campaigns.c.id == campaign_id)).scalar()


def _n_open(connection: Connection, tenant: str) -> int:
    own = (campaigns.c.tenant == tenant, campaigns.c.state != CampaignState.CLOSED.value)
    return int(connection.execute(select(func.count()).select_from(campaigns).where(*own)).scalar_one())


def _columns(summary: Summary) -> Mapping[str, Any]:
    document = _SUMMARIES.write(summary)
    return {"state": summary.state.value, "is_waiting": summary.is_waiting, "summary": document}


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
