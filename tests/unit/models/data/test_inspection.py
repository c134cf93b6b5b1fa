from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.data.inspection import inspect_table
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures import structure_from_column, structure_to_column
from epitaxy_models.structures.structure import Structure


@pytest.fixture
def table(columns: dict[str, Any], write_lines: Callable[..., Path], convert_path: Any, tmp_path: Path) -> Path:
    nacl = structure_from_column(columns["nacl"])
    doubled = Structure(
        nacl.lattice * np.array([[2.0], [1.0], [1.0]]),
        np.tile(nacl.atomic_numbers, 2),
        np.vstack([nacl.frac_coords * [0.5, 1, 1], nacl.frac_coords * [0.5, 1, 1] + [0.5, 0, 0]]),
    )
    inflated = columns["licl"] | {"lattice": (np.array(columns["licl"]["lattice"]) * 3).tolist()}
    squeezed = columns["licl"] | {"lattice": (np.array(columns["licl"]["lattice"]) * 0.35).tolist()}
    records = [{"id": f"kcl-{i}", "structure": columns["kcl"], "gap_eV": 1.0 + i / 100} for i in range(20)]
    records += [
        {"id": "nacl", "structure": columns["nacl"], "gap_eV": None},
        {"id": "doubled", "structure": structure_to_column(doubled), "gap_eV": 1.1},
        {"id": "inflated", "structure": inflated, "gap_eV": 1.1},
        {"id": "squeezed", "structure": squeezed, "gap_eV": 1.1},
        {"id": "outlier", "structure": columns["licl"], "gap_eV": 99.0},
    ]
    convert_path(write_lines(records))
    return tmp_path / "out.parquet"


def test_inspection_counts_rows_elements_and_labels(table: Path) -> None:
    report = inspect_table(table)
    assert report.n_rows == 25
    assert report.elements == {"Cl": 25, "K": 20, "Li": 3, "Na": 2}
    assert "Fe" in report.missing_elements
    assert report.n_sites == (2, 2.0, 4)
    gaps = report.labels["gap_eV"]
    assert (gaps.n_values, gaps.n_null, gaps.minimum, gaps.maximum) == (24, 1, 1.0, 99.0)
    assert report.provenance is not None
    assert report.provenance.n_kept == 25


def test_one_crystal_in_two_cells_is_a_duplicate(table: Path) -> None:
    report = inspect_table(table)
    assert ("nacl", "doubled") in report.same_crystal.examples
    assert (report.same_crystal.n_groups, report.same_crystal.n_rows) == (2, 22)
    assert (report.same_formula.n_groups, report.same_formula.n_rows) == (3, 25)


def test_suspicious_rows_are_named_with_what_was_seen(table: Path) -> None:
    found = {(row.id, row.reason) for row in inspect_table(table).suspicious}
    assert found == {
        ("outlier", "LABEL_OUTLIER"),
        ("inflated", "ODD_VOLUME"),
        ("squeezed", "ODD_VOLUME"),
        ("squeezed", "SHORT_DISTANCE"),
    }


def test_a_foreign_table_is_inspected_as_far_as_it_goes(columns: dict[str, Any], tmp_path: Path) -> None:
    text = structure_to_column(structure_from_column(columns["nacl"]))
    frame = pd.DataFrame({"id": ["a", "b"], "formula": ["ClNa", "ClK"], "structure": [text, "{}"]})
    frame["gap_eV"], frame["stars"], frame["volume_A3"] = [1.0, np.inf], [1, 2], [44.9, 44.9]
    frame.to_parquet(tmp_path / "foreign.parquet")
    report = inspect_table(tmp_path / "foreign.parquet")
    assert report.provenance is None
    assert report.n_refused == {"UNREADABLE": 1}
    assert report.other_columns == ("stars", "volume_A3")
    assert {row.reason for row in report.suspicious} == {"INFINITE_LABEL", "UNREADABLE"}


def test_what_is_no_crystal_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("text")
    with pytest.raises(ConfigurationError, match="is no Parquet file"):
        inspect_table(tmp_path / "a.parquet")
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(ConfigurationError, match="has no column formula, structure"):
        inspect_table(tmp_path / "b.parquet")
