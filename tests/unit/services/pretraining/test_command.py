from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from epitaxy.pretraining.command import pretrain_command
from epitaxy_models.errors import ConfigurationError

CONFIG = """
name: t
data: crystals.parquet
work: run
tasks: [{column: gap_eV, name: gap, fidelity: PBE, level_of_theory: PBE, description: gap}]
"""


class Silent:
    """Nothing is to be told."""

    def say(self, text: str) -> None:
        raise AssertionError(text)

    def featurized(self, done: int, total: int) -> None:
        raise AssertionError(f"featurized {done} of {total}")

    def show(self, event: Mapping[str, Any]) -> None:
        raise AssertionError(event)


@pytest.mark.parametrize("gaps", [None, [1.0, float("inf")], ["wide", "narrow"]])
def test_data_that_cannot_be_trained_on_leave_nothing_behind(tmp_path: Path, gaps: list[object] | None) -> None:
    (tmp_path / "pretrain.yaml").write_text(CONFIG)
    if gaps:
        table = pd.DataFrame({"structure": ["{}", "{}"], "formula": ["Si", "Ge"], "gap_eV": gaps})
        table.to_parquet(tmp_path / "crystals.parquet")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(
        ConfigurationError, match=r"no readable Parquet|infinite labels, first row 1|no numbers in gap_eV"
    ):
        pretrain_command(tmp_path / "pretrain.yaml", Silent())
    assert sorted(tmp_path.iterdir()) == before
