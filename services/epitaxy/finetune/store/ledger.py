"""The audit log in a database, each line sealed with a digest over all before it."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import insert, select

from epitaxy.database.tables import Database, audit, tenants
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry
from epitaxy.finetune.ports import NumberedEntry

_ENTRY: TypeAdapter[AuditEntry] = TypeAdapter(AuditEntry)
# Locked while a line is added: two lines must not follow the same one.
_LOG_LOCK = "-audit-"


class SqlLedger:
    """Implements Ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """Adds an entry after the last one."""
        with self._database.writing() as connection:
            connection.execute(self._database.insert_new(tenants).values(tenant=_LOG_LOCK))
            connection.execute(select(tenants).where(tenants.c.tenant == _LOG_LOCK).with_for_update())
            last = connection.execute(select(audit.c.chain).order_by(audit.c.sequence.desc()).limit(1)).scalar()
            row = {
                "tenant": entry.tenant,
                "model_name": entry.model_name,
                "action": entry.action.value,
                "document": _ENTRY.dump_json(entry).decode(),
                "chain": entry.chained(last or ""),
            }
            connection.execute(insert(audit).values(row))

    def history(self, tenant: str, model_name: str) -> Sequence[AuditEntry]:
        """Promotions and rollbacks of a model since the last deletion."""
        own = [entry for entry in self.entries(tenant) if entry.model_name in ("", model_name)]
        deletions = [number for number, entry in enumerate(own) if entry.action is AuditAction.DELETE_TENANT]
        return own[deletions[-1] + 1 :] if deletions else own

    def entries(self, tenant: str) -> Sequence[AuditEntry]:
        """All entries of a tenant."""
        return [_ENTRY.validate_json(document) for document, _ in self._rows(audit.c.tenant == tenant)]

    def page(self, tenant: str, model_name: str, size: int, before: int | None) -> Sequence[NumberedEntry]:
        """The latest entries before a place in the log; a deletion is of all models."""
        conditions = [audit.c.tenant == tenant]
        if model_name:
            conditions.append(audit.c.model_name.in_(("", model_name)))
        if before is not None:
            conditions.append(audit.c.sequence < before)
        columns = (audit.c.sequence, audit.c.document)
        wanted = select(*columns).where(*conditions).order_by(audit.c.sequence.desc()).limit(size)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [NumberedEntry(sequence, _ENTRY.validate_json(document)) for sequence, document in rows]

    def is_intact(self) -> bool:
        """Whether every line of the log is as it was written and none is missing between."""
        previous = ""
        for document, chain in self._rows():
            if _ENTRY.validate_json(document).chained(previous) != chain:
                return False
            previous = chain
        return True

    def _rows(self, *conditions: Any) -> Sequence[Any]:
        wanted = select(audit.c.document, audit.c.chain).where(*conditions).order_by(audit.c.sequence)
        with self._database.reading() as connection:
            return connection.execute(wanted).all()
