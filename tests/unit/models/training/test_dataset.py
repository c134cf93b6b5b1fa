"""Tables of labelled structures become labelled graphs, once."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.graph import DEFAULT_RULE, GraphRule
from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.training.dataset import LabelledGraphs, load_dataset
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS

TASKS = MATERIALS_PROJECT_TASKS[:2]
ENERGY, GAP = (task.column for task in TASKS)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    structures = list(specimens().values())
    frame = pd.DataFrame(
        {
            "structure": [structure_to_column(structure) for structure in structures],
            "formula": [structure.reduced_formula for structure in structures],
            ENERGY: [-2.0, np.nan, -3.0, np.nan, 0.0, np.nan],
            GAP: [5.0, np.nan, np.nan, 1.0, 0.0, np.nan],
        }
    )
    frame.to_parquet(tmp_path / "data.parquet")
    return frame


def _load(folder: Path, rule: GraphRule = DEFAULT_RULE) -> LabelledGraphs:
    return load_dataset(folder / "data.parquet", folder / "graphs", TASKS, rule)


def test_rows_keep_their_order_labels_and_formulas(table: pd.DataFrame, tmp_path: Path) -> None:
    data = _load(tmp_path)
    assert data.graphs.n_graphs == len(table)
    assert data.formulas == tuple(table["formula"])
    np.testing.assert_array_equal(data.labels, table[[ENERGY, GAP]].to_numpy(np.float32))
    labelled = [row for part in ("train", "validation", "calibration", "test") for row in data.rows_of(part)]
    assert sorted(labelled) == [0, 2, 3, 4]
    assert data.weights((0, 1, 2)).shape == (3, len(table))


def test_small_classes_weigh_more(table: pd.DataFrame, tmp_path: Path) -> None:
    data = _load(tmp_path)
    plain, weighed = data.weights((0, 1)), data.weights((0, 1), by_class=(5.0, 2.0, 1.0))
    n_elements = [len(set(re.findall("[A-Z][a-z]?", formula))) for formula in data.formulas]
    wanted = np.array([{1: 5.0, 2: 2.0}.get(count, 1.0) for count in n_elements])
    assert len(set(n_elements)) > 1
    np.testing.assert_array_equal(weighed, plain * wanted)


def test_structures_are_featurized_once(table: pd.DataFrame, tmp_path: Path) -> None:
    _load(tmp_path)
    stamp = (tmp_path / "graphs" / "rows.npy").stat().st_mtime_ns
    _load(tmp_path)
    assert (tmp_path / "graphs" / "rows.npy").stat().st_mtime_ns == stamp


def test_stale_store_is_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    _load(tmp_path)
    with pytest.raises(CheckpointError, match="featurize again"):
        _load(tmp_path, GraphRule(k=8))


def test_store_of_another_table_is_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    _load(tmp_path)
    table.head(4).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(ConfigurationError, match="holds 6 graphs for 4 rows"):
        _load(tmp_path)


def test_missing_label_column_is_named_before_any_work(table: pd.DataFrame, tmp_path: Path) -> None:
    table.drop(columns=GAP).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(ConfigurationError, match=f"has no column {GAP}"):
        _load(tmp_path)
    assert not (tmp_path / "graphs").exists()


def test_infinite_label_is_refused_with_its_row_before_any_work(table: pd.DataFrame, tmp_path: Path) -> None:
    labels = table[GAP].to_numpy(copy=True)
    labels[2] = np.inf
    table.assign(**{GAP: labels}).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(ConfigurationError, match=f"holds infinite labels, first row 2 of {GAP}: clean"):
        _load(tmp_path)
    assert not (tmp_path / "graphs").exists()
