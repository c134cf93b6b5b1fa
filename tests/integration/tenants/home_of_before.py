"""State of a stack that an earlier build wrote: see tests/fixtures/README.md."""

import sqlite3
import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parents[2] / "fixtures" / "home-before-rooms.tar.xz"
TENANT_OF_BEFORE = "local"
_WRITTEN_HOME = "/epitaxy-home"
_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
}


def unpack_home_of_before(home: Path) -> None:
    """Unpacks the state into a home of its own, and moves the paths in its registry there."""
    home.mkdir(mode=0o700, parents=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(home, filter="data")
    with sqlite3.connect(home / "registry" / "mlflow.db") as database:
        for table, columns in _PLACES.items():
            for column in columns:
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (_WRITTEN_HOME, str(home)))
    database.close()
