"""What cannot be published is told before hours of training; the card says what the configuration says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from epitaxy.pretraining.config import PretrainConfig, read_config
from epitaxy.pretraining.publishing import check_publishable, profile_of
from epitaxy_models.data.synthetic_materials import synthetic_compositions
from epitaxy_models.errors import ConfigurationError

TASK = {
    "column": "wave_dimensionless",
    "name": "wave",
    "fidelity": "EXPERIMENT",
    "level_of_theory": "x",
    "description": "x",
}


def _config(folder: Path, n_rows: int, **changes: Any) -> PretrainConfig:
    table = synthetic_compositions(n_rows).rename(columns={"wave": "wave_dimensionless"})
    table.assign(formula=table["composition"]).to_parquet(folder / "table.parquet")
    content = {"name": "mine", "material": "composition", "data": "table.parquet", "work": "run"}
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(content | {"tasks": [TASK | {"is_served": True}]} | changes))
    return read_config(folder / "pretrain.yaml")


def test_enough_held_out_labels_can_be_published(tmp_path: Path) -> None:
    check_publishable(_config(tmp_path, 3_000))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "CALIBRATION_TOO_SMALL"),
        ({"tasks": [TASK]}, "NOT_PUBLISHABLE"),
        ({"material": "crystal"}, "NOT_PUBLISHABLE"),
        ({"tasks": [TASK | {"column": "gap_eV"}]}, "LABEL_COLUMN_MISSING"),
    ],
)
def test_what_cannot_be_published_is_told_first(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_publishable(_config(tmp_path, 300, **changes))
    assert raised.value.reason == reason


def test_the_card_says_what_the_configuration_says(tmp_path: Path) -> None:
    own = profile_of(_config(tmp_path, 10, publish={"name": "substrate-composition", "attribution": "our lab"}))
    assert (own.name, own.attribution, own.data_license) == ("substrate-composition", "our lab", "not stated")
    assert [task.column for task in own.tasks] == ["wave_dimensionless"]
    assert own.is_kept(own.tasks[0])
    preset = profile_of(_config(tmp_path, 10, tasks="compositions"))
    assert (preset.name, preset.data_license) == ("substrate-composition", "CC-BY 4.0")
