"""Jobs, tables and stores on a real sqlite and, where it is installed, a real Postgres."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from postgres_process import PostgresProcess

from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.domain.label_table import COLUMN_JSON, LabelTable, StructureText
from epitaxy.finetune.domain.spec import Budget, FineTuneSpec, LabelColumn
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import structure_to_column

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def spec() -> FineTuneSpec:
    return FineTuneSpec("my-tc", "critical_temperature", "K", LabelColumn("tc_k"), Budget(100.0))


@pytest.fixture
def new_job(spec: FineTuneSpec) -> Callable[..., FineTuneJob]:
    def make(job_id: str = "ft-1", tenant: str = "acme", **changes: Any) -> FineTuneJob:
        return FineTuneJob(
            **(
                {"id": job_id, "tenant": tenant, "spec": spec, "created_at": NOW, "n_rows": 12, "n_labels": 12}
                | changes
            )
        )

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'jobs.db'}"
    running: PostgresProcess = request.getfixturevalue("postgres")
    return running.new_database(f"d{uuid4().hex}")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> SqlJobStore:
    return SqlJobStore(database)


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return SqlLedger(database)


@pytest.fixture(scope="session")
def crystal_texts() -> list[str]:
    """Structures of small bundled crystals as a table's column holds them."""
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 8]
    return [structure_to_column(structure) for structure in small[:40]]


@pytest.fixture
def table(crystal_texts: list[str]) -> LabelTable:
    cells = [StructureText(COLUMN_JSON, text) for text in crystal_texts[:12]]
    return LabelTable([f"row{number}" for number in range(12)], cells, {"tc_k": np.arange(12.0)})
