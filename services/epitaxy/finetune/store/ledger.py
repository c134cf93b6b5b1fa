"""The audit log and the decisions in it, in a database; each line is sealed with a digest over all lines before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.database.documents import Documents
from epitaxy.database.tables import Database, audit, decisions, tenants
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, Ruling
from epitaxy.finetune.ports import ALWAYS, ChainedEntry, Decision, NumberedEntry, RequestKey, TimeRange


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the caller of a decision was told, by field."""

    fields: Mapping[str, str]


_ENTRIES: Documents[AuditEntry] = Documents(AuditEntry)
_ANSWERS: Documents[_Answer] = Documents(_Answer)
# Locked while a line is added: two lines must not follow the same one.
_LOG_LOCK = "-audit-"

_LINE = (audit.c.sequence, audit.c.document, audit.c.chain)


class SqlLedger:
    """Implements Ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """Adds an entry after the last one; a deletion of the tenant's data also forgets their request ids."""
        with self._database.writing() as connection:
            self._lock(connection)
            _add(connection, entry)
            if entry.action is AuditAction.DELETE_TENANT:
                connection.execute(delete(decisions).where(decisions.c.tenant == entry.tenant))

    def find_decision(self, tenant: str, key: RequestKey) -> Decision | None:
        """The decision of an equal request."""
        with self._database.reading() as connection:
            return _decided(connection, tenant, key)

    def decide(
        self, tenant: str, model_name: str, key: RequestKey | None, rule: Callable[[Sequence[AuditEntry]], Ruling]
    ) -> Decision:
        """Finds the decision of an equal request, or makes and records one, in one transaction."""
        with self._database.writing() as connection:
            self._lock(connection)
            found = _decided(connection, tenant, key) if key else None
            if found is not None:
                return found
            ruling = rule(_history(connection, tenant, model_name))
            sequence = None if ruling.entry is None else _add(connection, ruling.entry)
            if key:
                row = {"tenant": tenant, "request_id": key.request_id, "digest": key.digest, "sequence": sequence}
                row |= {"document": _ANSWERS.write(_Answer(ruling.answer)), "is_settled": False}
                connection.execute(insert(decisions).values(row))
            return Decision(ruling.answer, sequence, is_settled=False)

    def settle(self, tenant: str, key: RequestKey) -> None:
        """Marks a decision as carried out."""
        own = (decisions.c.tenant == tenant, decisions.c.request_id == key.request_id)
        with self._database.writing() as connection:
            connection.execute(update(decisions).where(*own).values(is_settled=True))

    def history(self, tenant: str, model_name: str) -> Sequence[AuditEntry]:
        """Entries of a model since the last deletion."""
        with self._database.reading() as connection:
            return _history(connection, tenant, model_name)

    def latest(self, tenant: str, model_name: str, action: AuditAction) -> int | None:
        """Sequence number of the latest entry of a kind."""
        own = (audit.c.tenant == tenant, audit.c.model_name == model_name, audit.c.action == action.value)
        with self._database.reading() as connection:
            wanted = select(audit.c.sequence).where(*own).order_by(audit.c.sequence.desc()).limit(1)
            return connection.execute(wanted).scalar()

    def entries(self, tenant: str) -> Sequence[AuditEntry]:
        """All entries of a tenant."""
        return [_ENTRIES.read(document) for document, _ in self._rows(audit.c.tenant == tenant)]

    def page(
        self, tenant: str, model_name: str, size: int, before: int | None, within: TimeRange = ALWAYS
    ) -> Sequence[NumberedEntry]:
        """The latest entries before a sequence number; a deletion belongs to every model."""
        conditions = [audit.c.tenant == tenant]
        if model_name:
            conditions.append(audit.c.model_name.in_(("", model_name)))
        if before is not None:
            conditions.append(audit.c.sequence < before)
        found = self._within(select(*_LINE).where(*conditions).order_by(audit.c.sequence.desc()), size, within)
        return [NumberedEntry(line.sequence, line.entry) for line in found]

    def records(self, tenant: str, size: int, after: int, within: TimeRange = ALWAYS) -> Sequence[ChainedEntry]:
        """The oldest entries beyond a sequence number."""
        conditions = [audit.c.sequence > after, *([audit.c.tenant == tenant] if tenant else [])]
        return self._within(select(*_LINE).where(*conditions).order_by(audit.c.sequence), size, within)

    def _within(self, wanted: Any, size: int, within: TimeRange) -> list[ChainedEntry]:
        """Up to ``size`` lines in the range; its time is in the document of a line, so that all are read."""
        found: list[ChainedEntry] = []
        with self._database.reading() as connection:
            # Without a range, every line counts.
            for row in connection.execute(wanted.limit(size) if within == ALWAYS else wanted):
                entry = _ENTRIES.read(row.document)
                if within.holds(entry.at):
                    found.append(ChainedEntry(row.sequence, entry, row.chain))
                if len(found) == size:
                    break
        return found

    def is_intact(self) -> bool:
        """Whether every line of the log is as it was written and none is missing between two others."""
        previous = ""
        for document, chain in self._rows():
            if _ENTRIES.read(document).chained(previous) != chain:
                return False
            previous = chain
        return True

    def _rows(self, *conditions: Any) -> Sequence[Any]:
        wanted = select(audit.c.document, audit.c.chain).where(*conditions).order_by(audit.c.sequence)
        with self._database.reading() as connection:
            return connection.execute(wanted).all()

    def _lock(self, connection: Connection) -> None:
        connection.execute(self._database.insert_new(tenants).values(tenant=_LOG_LOCK))
        connection.execute(select(tenants).where(tenants.c.tenant == _LOG_LOCK).with_for_update())


def _add(connection: Connection, entry: AuditEntry) -> int:
    """Adds a line; its sequence number."""
    last = connection.execute(select(audit.c.chain).order_by(audit.c.sequence.desc()).limit(1)).scalar()
    row = {
        "tenant": entry.tenant,
        "model_name": entry.model_name,
        "action": entry.action.value,
        "document": _ENTRIES.write(entry),
        "chain": entry.chained(last or ""),
    }
    return int(connection.execute(insert(audit).values(row).returning(audit.c.sequence)).scalar_one())


def _history(connection: Connection, tenant: str, model_name: str) -> Sequence[AuditEntry]:
    own = (audit.c.tenant == tenant, audit.c.model_name.in_(("", model_name)))
    rows = connection.execute(select(audit.c.document).where(*own).order_by(audit.c.sequence)).scalars()
    entries = [_ENTRIES.read(document) for document in rows]
    deletions = [number for number, entry in enumerate(entries) if entry.action is AuditAction.DELETE_TENANT]
    return entries[deletions[-1] + 1 :] if deletions else entries


def _decided(connection: Connection, tenant: str, key: RequestKey) -> Decision | None:
    own = (decisions.c.tenant == tenant, decisions.c.request_id == key.request_id)
    row = connection.execute(select(decisions).where(*own)).first()
    if row is None:
        return None
    if row.digest != key.digest:
        raise reused_request_id()
    return Decision(_ANSWERS.read(row.document).fields, row.sequence, row.is_settled)


def reused_request_id() -> FailedPreconditionError:
    """The error of a request id that comes again with other content."""
    return FailedPreconditionError(
        "the request id was used for another request: repeat that one unchanged, or choose another id",
        reason="REQUEST_ID_REUSED",
    )
