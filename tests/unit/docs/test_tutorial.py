"""The tutorial's own files: the crystals that it writes, and the labels that it draws from them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epitaxy.cli.screen.ranking import Measurements
from epitaxy.client.finetune.labels import read_labels
from epitaxy_models.data.crystals import write_cifs

PAGE = Path(__file__).parents[3] / "docs" / "tutorial.md"
HOME = Path(".epitaxy/tutorial")
COLUMN = "band_gap_measured_ev"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which step 3 has been done."""
    folder = tmp_path_factory.mktemp("clone")
    write_cifs(folder / HOME / "crystals")
    return folder


def script() -> str:
    """The program of step 4."""
    return next(text for text in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "labels" in text)


def test_the_page_states_the_number_of_crystals(clone: Path) -> None:
    count = len(list((clone / HOME / "crystals").glob("*.cif")))
    assert f"You screen {count} crystals" in PAGE.read_text()


def test_files_that_the_commands_name_exist(clone: Path) -> None:
    named = set(re.findall(r"\.epitaxy/tutorial/crystals/[\w.-]+", PAGE.read_text()))
    assert {Path(name).suffix for name in named} == {".cif", ".csv"}
    assert [name for name in named if not (clone / name).is_file()] == []


def test_the_script_draws_labels_that_can_be_read(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    exec(compile(script(), "labels.py", "exec"), {})
    labels = read_labels(HOME / "labels.parquet", [COLUMN], needs_ids=True)
    measured = pd.read_csv(HOME / "crystals" / "measurements.csv").set_index("id")[COLUMN]
    assert labels.refused == []
    assert len(labels.items) == len({item.id for item in labels.items}) == 100
    assert np.array_equal(labels.values[COLUMN], measured[[item.id for item in labels.items]])
    assert (labels.values[COLUMN] > 0).all()


def test_measured_values_stand_beside_the_ranking(clone: Path) -> None:
    measured = Measurements.read(clone / HOME / "crystals" / "measurements.csv", "band_gap")
    assert len(measured.values) > 400
