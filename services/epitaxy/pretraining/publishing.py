"""From a finished run to a substrate: calibrate, measure, write weights, card and golden answers, load them again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epitaxy.pretraining.config import PretrainConfig
from epitaxy.pretraining.domain import PretrainRun
from epitaxy_models.calibration.conformal import N_MIN
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.texts import text_column
from epitaxy_models.substrates.compositional import CompositionSubstrate
from epitaxy_models.substrates.molecular import MolecularSubstrate
from epitaxy_models.substrates.substrate import Substrate
from epitaxy_models.testing.material_golden import MaterialGolden
from epitaxy_models.training.dataset import check_columns
from epitaxy_models.training.material_cards import PROFILES, MaterialProfile
from epitaxy_models.training.publish_material import publish_material
from epitaxy_models.training.split import part_of, parts_of

GOLDEN = "golden.json"
_N_GOLDEN = 10
_LOADERS: Mapping[str, Callable[[Path], Substrate[Any]]] = {
    "molecule": MolecularSubstrate.load,
    "composition": CompositionSubstrate.load,
}


def check_publishable(config: PretrainConfig) -> None:
    """Looks at a configuration and its data before hours of training.

    Raises ConfigurationError: NOT_PUBLISHABLE for crystals, whose publication measures more than a run knows, and where
    no task is served; CALIBRATION_TOO_SMALL if a served property has too few held-out labels.
    """
    if config.material not in PROFILES:
        raise ConfigurationError(
            "--publish is for molecules and compositions: crystals are published with make publish",
            reason="NOT_PUBLISHABLE",
        )
    tasks = config.training_config().tasks
    check_columns(config.data, tasks, config.training_config().rule)
    served = [task.column for task in tasks if task.is_served]
    if not served:
        raise ConfigurationError(
            "no task has is_served: true: a substrate answers at least one property", reason="NOT_PUBLISHABLE"
        )
    table = pd.read_parquet(config.data, columns=["formula", *served])
    held_out = table[np.isin(parts_of(table["formula"].tolist()), ("calibration", "validation"))]
    for column, n_known in held_out[served].notna().sum().items():
        if n_known < N_MIN:
            raise ConfigurationError(
                f"{column} has {n_known} labels in the calibration and validation parts, which are 8 % of the keys, "
                f"and intervals need {N_MIN}: add rows, or leave is_served out",
                reason="CALIBRATION_TOO_SMALL",
            )


def publish_run(config: PretrainConfig, run: PretrainRun, folder: Path) -> ModelCard:
    """Publishes a run's best checkpoint into ``folder`` and checks that it answers as it did when it is loaded.

    Raises ConfigurationError for what ``publish_material`` refuses, CheckpointError (GOLDEN_DIFFERS) if the loaded
    weights answer otherwise.
    """
    section = config.publish
    card = publish_material(
        profile_of(config), [run.checkpoint], run.data, run.store, folder, section.version, section.hardware
    )
    _record_golden(config.material, folder, _test_texts(run))
    return card


def profile_of(config: PretrainConfig) -> MaterialProfile:
    """The card's words: those of the shipped substrate for its preset, and what the configuration says."""
    profile = PROFILES[config.material]()
    if isinstance(config.tasks, tuple):
        unstated = dict.fromkeys(("data", "attribution", "data_license", "license"), "not stated")
        profile = replace(
            profile,
            name=config.name,
            tasks=config.training_config().tasks,
            taught_only=(),
            description=f"Substrate of {profile.plural}, pretrained by the run {config.name}",
            **unstated,
        )
    stated = config.publish.model_dump(exclude={"version", "hardware"}, exclude_none=True)
    return replace(profile, **stated)


def _test_texts(run: PretrainRun) -> list[str]:
    """Some materials of the test part, as the table has them."""
    column = text_column(run.training.rule)
    table = pd.read_parquet(run.data, columns=[column, "formula"]).drop_duplicates("formula")
    is_test = [part_of(formula) == "test" for formula in table["formula"]]
    return [str(text) for text in table[column][is_test].head(_N_GOLDEN)]


def _record_golden(material: str, folder: Path, texts: list[str]) -> None:
    load = _LOADERS[material]
    recorded = MaterialGolden.of(load(folder), material, texts)
    recorded.write(folder / GOLDEN)
    moved = recorded.differences(MaterialGolden.of(load(folder), material, texts))
    if moved:
        raise CheckpointError(f"{folder} answers otherwise when it is loaded: {moved[0]}", reason="GOLDEN_DIFFERS")
