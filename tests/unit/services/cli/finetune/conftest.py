import json
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import finetune_server
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

_tenants = (f"cli-{number}" for number in count())


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with finetune_server.serving_finetune(tmp_path_factory.mktemp("finetune")) as (target, rig):
        yield target, rig


@pytest.fixture
def rig(served: tuple[str, Any]) -> Iterator[Any]:
    served[1].gates.released.clear()
    yield served[1]
    served[1].gates.released.set()


@pytest.fixture
def settings(served: tuple[str, Any], rig: Any) -> dict[str, str]:
    """Server and a tenant of the test's own."""
    return {"EPITAXY_TARGET": served[0], "EPITAXY_API_KEY": next(_tenants)}


@pytest.fixture
def finetune(run: Any, settings: dict[str, str]) -> Callable[..., Any]:
    return lambda *arguments, **more: run("finetune", *arguments, **(settings | more))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    rows = [row | {"structure": json.dumps(row["structure"])} for row in finetune_server.crystals(30)]
    pd.DataFrame(rows).to_parquet(tmp_path / "labels.parquet")
    return tmp_path / "labels.parquet"
