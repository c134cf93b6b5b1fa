"""The configuration file: what is read, and every mistake in one line that names its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from epitaxy.pretraining.config import read_config, unit_of
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS

TASK = {
    "column": "gap_eV",
    "name": "gap",
    "fidelity": "HSE06",
    "level_of_theory": "HSE06",
    "description": "Gap",
    "weight": 0.5,
}
MINIMAL = {"name": "run", "data": "data.parquet", "work": "work"}


def _write(folder: Path, **changes: Any) -> Path:
    path = folder / "pretrain.yaml"
    path.write_text(yaml.safe_dump(MINIMAL | changes))
    return path


def test_defaults_are_the_shipped_models_settings(tmp_path: Path) -> None:
    config = read_config(_write(tmp_path))
    assert config.training_config() == TrainingConfig()
    assert config.data == tmp_path.resolve() / "data.parquet"
    assert config.scaling.workers == 1


def test_task_takes_its_unit_from_its_column(tmp_path: Path) -> None:
    (task,) = read_config(_write(tmp_path, tasks=[TASK])).training_config().tasks
    assert (task.definition.unit, task.definition.fidelity, task.weight) == ("eV", "HSE06", 0.5)


def test_auxiliary_groups_add_their_columns_as_tasks(tmp_path: Path) -> None:
    tasks = read_config(_write(tmp_path, auxiliary=["mass", "strain"])).training_config().tasks
    assert tasks[: len(MATERIALS_PROJECT_TASKS)] == MATERIALS_PROJECT_TASKS
    assert {"log_density_1", "strain_log_volume_1"} <= {task.column for task in tasks}


def test_checkpoint_to_start_from_is_found_beside_the_file(tmp_path: Path) -> None:
    config = read_config(_write(tmp_path, training={"start_from": "first/members-0.pt"}))
    assert config.training_config().start_from == str(tmp_path.resolve() / "first" / "members-0.pt")


@pytest.mark.parametrize("task", MATERIALS_PROJECT_TASKS, ids=lambda task: task.column)
def test_units_of_the_shipped_tasks_follow_the_same_rule(task: Any) -> None:
    assert unit_of(task.column) == task.definition.unit


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, r"epoch: unknown key$"),
        ({"training": {"epocs": 3}}, r"training\.epocs: unknown key$"),
        ({"training": {"epochs": 0}}, r"training\.epochs: Input should be greater than 0$"),
        ({"tasks": [TASK | {"column": "gap"}]}, r"tasks\.0\.column: label column 'gap' states no unit: end its name"),
        ({"tasks": [TASK | {"unit": "eV"}]}, r"tasks\.0\.unit: unknown key$"),
        ({"tasks": []}, r"tasks is empty"),
        ({"tasks": "oqmd"}, r"tasks: Input should be 'materials_project'"),
        ({"scaling": {"workers": 100}}, r"100 workers cannot share a batch of 64$"),
        ({"scaling": {"precision": "bf16"}}, r"scaling: precision bf16 needs use_gpu"),
        ({"training": {"members": [1, 1]}}, r"members must be distinct"),
        ({"auxiliary": ["mass", "magnetism"]}, r"auxiliary names no group magnetism: give any of density, mass"),
        ({"training": {"resampling": "thirds"}}, r"training\.resampling: Input should be 'tenth' or 'bootstrap'"),
        ({"material": "glass"}, r"material: Input should be 'crystal', 'molecule' or 'composition'$"),
        (
            {"material": "molecule", "tasks": "compositions"},
            r"tasks compositions are not those of a molecule: give mol",
        ),
        ({"material": "composition", "auxiliary": ["mass"]}, r"settings of crystals, and the material is composition$"),
        ({"material": "molecule", "graph": {"k": 8}}, r"settings of crystals, and the material is molecule$"),
        ({"name": "My run"}, r"name: String should match pattern"),
    ],
)
def test_mistakes_are_one_line_that_names_the_key(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        read_config(_write(tmp_path, **changes))
    assert "\n" not in raised.value.message
    assert "pretrain.yaml" in raised.value.message


@pytest.mark.parametrize(("text", "message"), [("a: [", "while parsing"), ("- 1", "holds no mapping")])
def test_files_that_hold_no_configuration_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pretrain.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as raised:
        read_config(path)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("material", "version", "column"),
    [
        ("crystal", "quotient-2/", "band_gap_pbe_mp2018_eV"),
        ("molecule", "molecule-1/", "qm_homo_eV"),
        ("composition", "composition-1/", "log10_bulk_modulus_GPa_1"),
    ],
)
def test_one_schema_describes_runs_on_all_materials(tmp_path: Path, material: str, version: str, column: str) -> None:
    training = read_config(_write(tmp_path, material=material)).training_config()
    assert training.rule.version.startswith(version)
    assert column in {task.column for task in training.tasks}
    own = read_config(_write(tmp_path, material=material, tasks=[TASK])).training_config()
    assert [task.column for task in own.tasks] == ["gap_eV"]


_NAMES = ("mp", "mp-auxiliary", "small", "small-molecule", "small-composition", "molecule", "composition")


@pytest.mark.parametrize("name", [f"pretrain-{name}.yaml" for name in _NAMES])
def test_configurations_of_the_repository_are_valid(name: str) -> None:
    config = read_config(Path(__file__).parents[4] / "models" / "configs" / name)
    assert config.training_config().tasks
