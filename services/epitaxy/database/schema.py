"""The version of the tables, and the steps from one version to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, inspect, select, text, update

from epitaxy.chassis.errors import UnavailableError

_COMPONENT = "jobs"
# Any number that no other program locks in this database.
_LOCK = 0x6570_6974
_marker = Table(
    "schema_version",
    MetaData(),
    Column("component", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)

Step = Callable[[Connection], None]


def _add_decisions(connection: Connection) -> None:
    """Version 2: decisions by request id, a new table that `create_all` has made by now, and an index for them."""
    connection.execute(text("CREATE INDEX IF NOT EXISTS audit_of_model ON audit (tenant, model_name, sequence)"))


STEPS: Mapping[int, Step] = {2: _add_decisions}
"""Steps by the version that they lead to, from 2 on: what `create_all` cannot do, such as a new column."""


class NewerSchemaError(UnavailableError):
    """A newer release has upgraded the tables: this one must not write into them."""

    default_reason = "NEWER_SCHEMA"


@dataclass(frozen=True, slots=True)
class Migration:
    """Version of the tables before (0: there were none) and after."""

    before: int
    after: int


def migrate(connection: Connection, metadata: MetaData, steps: Mapping[int, Step] = STEPS) -> Migration:
    """Upgrades the tables within a transaction; other processes may try at the same time.

    Raises NewerSchemaError if a newer release has upgraded them.
    """
    if connection.dialect.name == "postgresql":
        # Two processes that create one table at once fail; on sqlite the transaction keeps the other one out.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    newest = max(steps, default=1)
    before = _version(connection)
    if before > newest:
        raise NewerSchemaError(
            f"the job store has version {before} and this release knows {newest}: run the newer release again, or "
            "restore a backup of before its upgrade"
        )
    metadata.create_all(connection)
    for version in range(before + 1, newest + 1) if before else ():
        steps[version](connection)
    _mark(connection, newest)
    return Migration(before, newest)


def _version(connection: Connection) -> int:
    tables = set(inspect(connection).get_table_names())
    if "jobs" not in tables:
        return 0
    if _marker.name not in tables:
        return 1  # written before versions were counted
    held = connection.execute(select(_marker.c.version).where(_marker.c.component == _COMPONENT)).scalar()
    return held or 1


def _mark(connection: Connection, version: int) -> None:
    _marker.create(connection, checkfirst=True)
    row = _marker.c.component == _COMPONENT
    if connection.execute(update(_marker).where(row).values(version=version)).rowcount == 0:
        connection.execute(insert(_marker).values(component=_COMPONENT, version=version))
