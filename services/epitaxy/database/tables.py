"""Tables of jobs, decisions and the audit log, on sqlite and Postgres, and the connection to them."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.storage import is_storage_full, storage_full
from epitaxy.database.schema import Migration, migrate

_BUSY_MILLISECONDS = 30_000
_RETRY_SECONDS = 0.02

metadata = MetaData()
# A tenant's row is locked while their quota is checked.
tenants = Table("tenants", metadata, Column("tenant", String(63), primary_key=True))
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(63), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("state", String(16), nullable=False),
    Column("model_name", String(63), nullable=False),
    Column("version", String(32)),
    Column("document", Text, nullable=False),
    Index("jobs_of_tenant", "tenant", "created_us", "id"),
    Index("jobs_by_state", "state"),
    Index("jobs_by_end", "ended_us"),
)
events = Table(
    "events",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("document", Text, nullable=False),
)
requests = Table(
    "requests",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("job_id", String(40), nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(63), nullable=False),
    Column("model_name", String(63), nullable=False),
    Column("action", String(16), nullable=False),
    Column("document", Text, nullable=False),
    Column("chain", String(64), nullable=False),
    UniqueConstraint("chain"),
    Index("audit_of_tenant", "tenant", "sequence"),
    Index("audit_of_model", "tenant", "model_name", "sequence"),
)
# What was decided about models in calls that named a request id, so that a repeated call decides nothing anew.
decisions = Table(
    "decisions",
    metadata,
    Column("tenant", String(63), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("document", Text, nullable=False),
    # Line of the audit log; null if the decision changed nothing.
    Column("sequence", Integer),
    # Whether the model registry has followed.
    Column("is_settled", Boolean, nullable=False),
)


_REFUSAL = "the audit log is append-only"
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"""
_POSTGRES_TRIGGER = """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"""


def _sqlite_trigger(verb: str) -> str:
    return f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"


def _on_creation(statement: str, dialect: str) -> None:
    """The database itself refuses to change the audit log."""
    ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    event.listen(audit, "after_create", ddl.execute_if(dialect=dialect))


_on_creation(_sqlite_trigger("update"), "sqlite")
_on_creation(_sqlite_trigger("delete"), "sqlite")
_on_creation(_POSTGRES_FUNCTION, "postgresql")
_on_creation(_POSTGRES_TRIGGER, "postgresql")


class Database:
    """Transactions on one database. Safe for threads; several processes may use one file."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._lock = threading.Lock()
        self._has_tables = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that changes nothing. Raises UnavailableError."""
        with self._transaction("") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes something. On sqlite it runs alone; on Postgres it locks rows by name."""
        with self._transaction(" IMMEDIATE") as connection:
            yield connection

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def migrate(self) -> Migration:
        """Creates or upgrades the tables, as every first transaction does. Raises UnavailableError."""
        try:
            return self._make_tables()
        except SQLAlchemyError as error:
            raise _translated(error) from error

    def insert_new(self, table: Table) -> Any:
        """An insert that does nothing if the row exists."""
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        return dialect.insert(table).on_conflict_do_nothing()

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[Connection]:
        try:
            if not self._has_tables:
                self._make_tables()
            with self._engine.connect().execution_options(epitaxy_begin=mode) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise _translated(error) from error

    def _make_tables(self) -> Migration:
        with self._lock:
            connected = self._engine.connect().execution_options(epitaxy_begin=" IMMEDIATE")
            with connected as connection, connection.begin():
                done = migrate(connection, metadata)
            self._has_tables = True
            return done


def _translated(error: SQLAlchemyError) -> UnavailableError:
    if is_storage_full(error):
        return storage_full("this")
    return UnavailableError("the job store does not answer: send it again")


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Python's driver begins transactions by rules of its own; here `_begin_sqlite` does.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}").close()
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous=NORMAL").close()


def _use_write_ahead_log(connection: Any) -> None:
    """Retries: SQLite does not wait by itself if two connections switch the journal of a new database at once."""
    limit = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            return connection.execute("PRAGMA journal_mode=WAL").close()  # type: ignore[no-any-return]
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
            if not is_busy or time.monotonic() >= limit:
                raise
        time.sleep(_RETRY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN{connection.get_execution_options().get('epitaxy_begin', '')}")
