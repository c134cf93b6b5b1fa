import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from epitaxy_models.data.conversion import convert
from epitaxy_models.data.crystal_table import open_table, provenance_of
from epitaxy_models.data.label_plan import LabelChoices, plan_labels
from epitaxy_models.data.provenance import Origin, Provenance
from epitaxy_models.data.sources import open_source
from epitaxy_models.data.sources.records import ColumnNames
from epitaxy_models.structures import Structure, structure_to_column

ORIGIN = Origin("test", "a file", "2026-01-01")


def rock_salt(edge: float, cation: int = 11) -> Structure:
    frac: NDArray[np.float64] = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    lattice = edge / 2 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    return Structure(lattice, np.array([cation, 17], dtype=np.uint8), frac)


@pytest.fixture
def crystals() -> dict[str, Structure]:
    return {"nacl": rock_salt(5.64), "kcl": rock_salt(6.29, 19), "licl": rock_salt(5.13, 3)}


@pytest.fixture
def columns(crystals: dict[str, Structure]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(structure_to_column(crystal)) for name, crystal in crystals.items()}


@pytest.fixture
def convert_path(tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], Provenance]]:
    """Converts a path and reads the table back."""

    def run(path: Path, names: ColumnNames | None = None, **choices: Any) -> tuple[list[dict[str, Any]], Provenance]:
        source = open_source(path, names)
        out = tmp_path / "out.parquet"
        provenance = convert(source, plan_labels(source.columns, LabelChoices(**choices)), out, ORIGIN)
        assert source.n_rows == provenance.n_read
        assert provenance_of(open_table(out)) == provenance
        return pq.read_table(out).to_pylist(), provenance

    return run


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    def write(records: list[dict[str, Any]]) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write
