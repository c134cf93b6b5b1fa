"""A full disk is known by whatever a library says of it."""

import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file
from sqlalchemy.exc import SQLAlchemyError

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.status import from_trailing_metadata, to_rpc_status
from epitaxy.chassis.storage import StorageFullError, is_storage_full, storage_full
from epitaxy.database.tables import Database

BIG = np.zeros(32 << 20, np.uint8)


def fill_sqlite(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x BLOB)")
        connection.execute("INSERT INTO t VALUES (?)", (BIG.tobytes(),))


def fill_database(path):
    database = Database(f"sqlite:///{path}")
    try:
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x BLOB)")
            connection.exec_driver_sql("INSERT INTO t VALUES (?)", (BIG.tobytes(),))
    finally:
        database.close()


WRITERS = {
    "bytes": lambda path: path.write_bytes(BIG.tobytes()),
    "npy": lambda path: np.save(path.with_suffix(".npy"), BIG),
    "tofile": BIG.tofile,
    "parquet": lambda path: pq.write_table(pa.table({"x": np.random.default_rng(0).random(4 << 20)}), path),
    "torch": lambda path: torch.save(torch.from_numpy(BIG), path),
    "safetensors": lambda path: save_file({"x": BIG}, path),
    "sqlite": fill_sqlite,
    "database": fill_database,
}


@pytest.mark.parametrize("name", WRITERS)
def test_each_library_that_writes_is_understood_on_a_full_disk(name, small_disk):
    small_disk.fill()
    with pytest.raises(Exception, match=r".") as caught:
        WRITERS[name](small_disk.folder / "file")
    assert is_storage_full(caught.value), repr(caught.value)


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(2, "No such file"), ValueError("full"), SQLAlchemyError("locked"), UnavailableError("gone")],
)
def test_other_faults_are_no_full_disk(error):
    assert not is_storage_full(error)


def test_a_group_of_errors_is_looked_through():
    assert is_storage_full(ExceptionGroup("two", [ValueError("x"), OSError(28, "No space left on device")]))


def test_a_caller_reads_its_reason_and_may_try_again():
    received = from_trailing_metadata(to_rpc_status(storage_full("the model")).trailing_metadata)
    assert isinstance(received, UnavailableError)
    assert received.reason == StorageFullError.default_reason == "STORAGE_FULL"
