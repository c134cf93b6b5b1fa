"""A substrate of compositions from table to folder: trained, calibrated, measured, read back."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epitaxy_models.compositions import Composition
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.rules import CompositionRule
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.substrates.artifact import MaterialArtifact, load_material_artifact
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs, check_columns, load_dataset
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.material_cards import composition_profile
from epitaxy_models.training.material_release import MaterialPublisher
from epitaxy_models.training.presets import preset_tasks, rule_of_material
from epitaxy_models.training.publish_material import uncalibrated_card
from epitaxy_models.training.tasks import Task

PROFILE = composition_profile()
_KNOWN = {task.column: task for task in PROFILE.tasks}
TASKS: tuple[Task, ...] = (
    _KNOWN["formation_energy_mp2018_eV_atom"],
    replace(_KNOWN["log10_bulk_modulus_GPa_1"], is_served=False),
)
CONFIG = TrainingConfig(
    members=(0, 1), epochs=5, batch_size=64, peak_rate=0.01, warmup_steps=10, ema_decay=0.9, width=16, n_layers=1,
    head_width=4, rule=CompositionRule(), tasks=TASKS,
)  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Binaries whose labels follow from the difference and the mean of two atomic numbers."""
    generator = np.random.default_rng(0)
    materials = [Composition.of({one: n, two: 4 - n}) for one, two in combinations(range(3, 50), 2) for n in (1, 3)]
    numbers = np.array([material.atomic_numbers for material in materials], dtype=np.float64)
    frame = pd.DataFrame(
        {
            "composition": [material.formula for material in materials],
            "formula": [material.key for material in materials],
            TASKS[0].column: -np.abs(numbers[:, 0] - numbers[:, 1]) / 20 + 0.1 * generator.normal(size=len(materials)),
            TASKS[1].column: numbers.mean(axis=1) / 50,
        }
    )
    path = tmp_path_factory.mktemp("compositions") / "table.parquet"
    pd.concat([frame] * 2, ignore_index=True).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def data(table: Path) -> LabelledGraphs:
    return load_dataset(table, table.parent / "graphs", TASKS, CONFIG.rule)


@pytest.fixture(scope="module")
def folder(data: LabelledGraphs, table: Path) -> Path:
    trainer = Trainer(CONFIG, data, table.parent / "members.pt")
    trainer.run()
    weights = {name: value.numpy() for name, value in trainer.average.state_dict().items()}
    card = uncalibrated_card(PROFILE, data, CONFIG, "1", {"epochs": [5]})
    MaterialPublisher(data, CONFIG, table.parent / "out", PROFILE.node_names, PROFILE.plural).publish(weights, card)
    return table.parent / "out"


def test_the_published_substrate_is_calibrated_on_rows_that_no_member_saw(folder: Path) -> None:
    artifact = load_material_artifact(folder)
    (energy,) = artifact.card.properties
    assert energy.calibrator.n_calibration >= 200
    assert energy.n_measured > 100
    assert 0.8 < energy.measured_coverage <= 1
    # A few short epochs learn the trend.
    assert energy.metrics["mae"] < 0.8 * energy.metrics["mean_absolute_deviation"]
    assert artifact.n_heads == len(artifact.card.heads) == 2


def test_what_is_read_back_answers_as_what_was_trained(folder: Path, data: LabelledGraphs) -> None:
    artifact = load_material_artifact(folder)
    assert artifact.card.rule == CompositionRule()
    found = CompositionSubstrate(artifact)
    material = found.intake("LiNa3")
    graph = found.featurize(material)
    heads = found.foretell([material], [graph], found.embed([graph]))
    expected = np.nanmean(data.labels, axis=0)
    assert np.abs(heads[0] - expected).max() < 2
    assert heads.shape == (1, 2)


def test_elements_that_training_never_saw_are_foreign(folder: Path) -> None:
    artifact: MaterialArtifact = load_material_artifact(folder)
    seen = {symbol_of(int(z)) for z in np.flatnonzero(artifact.nearness.node_counts)}
    assert {"Li", "In"} <= seen
    assert "Fe" in seen
    assert "Au" not in seen


def test_columns_are_those_of_the_material(table: Path) -> None:
    check_columns(table, TASKS, CONFIG.rule)
    with pytest.raises(ConfigurationError, match="has no column structure"):
        check_columns(table, TASKS)
    with pytest.raises(ConfigurationError, match="has no column smiles"):
        check_columns(table, TASKS, rule_of_material("molecule", {}))


def test_presets_have_distinct_columns_and_names() -> None:
    for name in ("materials_project", "molecules", "compositions"):
        tasks = preset_tasks(name)
        assert len({task.column for task in tasks}) == len({task.definition.name for task in tasks}) == len(tasks)
    with pytest.raises(ConfigurationError, match="no tasks are called 'alloys'"):
        preset_tasks("alloys")
    with pytest.raises(ConfigurationError, match="no material is called 'glass'"):
        rule_of_material("glass", {})
