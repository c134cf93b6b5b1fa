"""Tables that are made, found, changed and refused, on real databases."""

from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import inspect, text

from epitaxy.database import schema
from epitaxy.database.schema import Migration, NewerSchemaError
from epitaxy.database.tables import Database
from epitaxy.finetune.store.jobs import SqlJobStore

NOW = max(schema.STEPS)


def newer(monkeypatch) -> None:
    def add_column(connection) -> None:
        connection.execute(text("ALTER TABLE jobs ADD COLUMN note VARCHAR(8)"))

    monkeypatch.setattr(schema.migrate, "__defaults__", ({**schema.STEPS, NOW + 1: add_column},))


def columns(database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(text("SELECT * FROM jobs")).keys())


def test_tables_are_made_once(database) -> None:
    assert database.migrate() == Migration(0, NOW)
    assert database.migrate() == Migration(NOW, NOW)


def test_a_step_changes_the_tables_once_and_keeps_the_rows(database_url, new_job, monkeypatch) -> None:
    old = Database(database_url)
    SqlJobStore(old).create(new_job(), None, lambda usage: None)
    old.close()
    newer(monkeypatch)
    database = Database(database_url)
    assert database.migrate() == Migration(NOW, NOW + 1)
    assert database.migrate() == Migration(NOW + 1, NOW + 1)
    assert "note" in columns(database)
    assert SqlJobStore(database).get("acme", "ft-1").id == "ft-1"
    database.close()


def test_tables_from_before_versions_were_counted_are_the_first_version(database, new_job) -> None:
    SqlJobStore(database).create(new_job(), None, lambda usage: None)
    with database.writing() as connection:
        connection.execute(text("DROP TABLE schema_version"))
    assert database.migrate() == Migration(1, NOW)


def test_version_1_becomes_version_2_with_decisions_and_their_index(database) -> None:
    database.migrate()
    with database.writing() as connection:
        connection.execute(text("DROP TABLE decisions"))
        connection.execute(text("DROP INDEX audit_of_model"))
        connection.execute(text("UPDATE schema_version SET version = 1"))
    assert database.migrate() == Migration(1, NOW)
    with database.reading() as connection:
        assert "decisions" in inspect(connection).get_table_names()
        assert "audit_of_model" in {index["name"] for index in inspect(connection).get_indexes("audit")}


def test_an_older_release_refuses_newer_tables(database_url, new_job, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        newer(patch)
        ahead = Database(database_url)
        ahead.migrate()
        ahead.close()
    behind = Database(database_url)
    with pytest.raises(NewerSchemaError, match=f"version {NOW + 1} and this release knows {NOW}"):
        SqlJobStore(behind).create(new_job(), None, lambda usage: None)
    behind.close()


def failures_of_migrating_at_once(database_url: str) -> list[Exception]:
    failures: list[Exception] = []

    def work() -> None:
        one = Database(database_url)
        try:
            one.migrate()
        except Exception as error:
            failures.append(error)
        finally:
            one.close()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_processes_that_make_the_tables_at_once_all_succeed(database_url) -> None:
    assert not failures_of_migrating_at_once(database_url)


def test_new_files_that_are_opened_at_once_make_nobody_fail(tmp_path: Path) -> None:
    """Two first connections may switch the journal at the same moment: one in some hundred was refused."""
    for number in range(40):
        assert not failures_of_migrating_at_once(f"sqlite:///{tmp_path / str(number) / 'jobs.db'}")
