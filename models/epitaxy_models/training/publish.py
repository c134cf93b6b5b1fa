"""From checkpoints to a model: stack the members, calibrate, measure, write weights and card.

Run as ``python -m epitaxy_models.training.publish --data mp.parquet --work DIR --out FOLDER CHECKPOINT ...``. With
``--textbook FILE`` the rows of that file are measured apart.
"""

import argparse
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.data.auxiliary.labels import GROUPS
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.structures import structure_from_column
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs, load_dataset
from epitaxy_models.training.member_stack import keep_heads, stack_members
from epitaxy_models.training.release import Publisher, original_rows
from epitaxy_models.training.split import PARTS, Resampling
from epitaxy_models.training.tasks import Task, tasks_of_columns

_LOG = logging.getLogger(__name__)
_PLACEHOLDER = Calibrator(tuple(np.linspace(1, 4, 100).tolist()), 1e-9, 0)
_LEFT_OUT = {
    Resampling.TENTH: "each member never saw its own tenth of the training formulas",
    Resampling.BOOTSTRAP: "each member drew its training formulas with replacement",
}
# Of an element, the first two are the energy above its stable form, which is the third.
_FLOORED = ("formation_energy", "formation_energy_mp2021", "energy_above_hull")
# Both are served, so that the mean of both costs nothing.
_EQUAL = ("formation_energy", "energy_above_hull")
_OPTIMIZER = ("batch_size", "peak_rate", "warmup_steps", "decay_share", "weight_decay", "ema_decay", "clip_norm")


def is_shipped(task: Task) -> bool:
    """Heads that go into the model: calculated properties, and the stiffness that transfer draws on."""
    return task.definition.fidelity is not Fidelity.FORCE_FIELD or task.column in GROUPS["stiffness"]


def _uncalibrated_card(
    data: LabelledGraphs, config: TrainingConfig, name: str, version: str, training: dict[str, Any]
) -> ModelCard:
    served = [(index, task) for index, task in enumerate(config.tasks) if task.is_served]
    counts = {part: len(original_rows(data, config, part)) for part in PARTS}
    return ModelCard(
        name=name,
        version=version,
        description="Substrate: five distance-only message-passing networks pretrained on Materials Project crystals",
        license="Weights: CC-BY 4.0 (trained on Materials Project data); code: Apache-2.0",
        backbone=config.backbone,
        rule=config.rule,
        properties=tuple(
            PropertyCard(task.definition, head, _PLACEHOLDER, METHOD, 0.0, DEFAULT_COVERAGE, 0, {})
            for head, task in served
        ),
        training_data=TrainingData(
            name="Materials Project, PBE/PBE+U labels of the 2018 to 2022 releases, each vintage its own head",
            attribution="Jain et al., APL Materials 1, 011002 (2013); https://materialsproject.org",
            license="CC-BY 4.0",
            split="by reduced formula (hash): 87 % train, 3 % validation, 5 % calibration, 5 % test",
            n_train=counts["train"],
            n_validation=counts["validation"],
            n_calibration=counts["calibration"],
            n_test=counts["test"],
        ),
        training=training,
        heads=tuple(task.column for task in config.tasks),
        element_floors={task.column: 0.0 for task in config.tasks if task.definition.name in _FLOORED},
        element_equals=_columns_if_all(config, _EQUAL),
    )


def _columns_if_all(config: TrainingConfig, names: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of tasks by name; none if one is missing."""
    columns = {task.definition.name: task.column for task in config.tasks}
    return tuple(columns[name] for name in names) if set(names) <= set(columns) else ()


def textbook_rows(data: Path, textbook: Path | None) -> NDArray[np.bool_] | None:
    """Rows of a data set that a file of well-known crystals holds, by ``id``, ``[n_rows]``; None without a file.

    Raises ConfigurationError if the data set holds none of them.
    """
    if textbook is None:
        return None
    ids, known = (pd.read_parquet(path, columns=["id"])["id"] for path in (data, textbook))
    found = ids.isin(known).to_numpy()
    if not found.any():
        raise ConfigurationError(f"{data} holds no row of {textbook}", reason="NO_TEXTBOOK_ROWS")
    return np.asarray(found)


def main() -> None:
    """Publishes the members of some checkpoints as one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder that holds the graph store")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--textbook", type=Path, help="file of well-known crystals among the data, measured apart")
    parser.add_argument("--name", default="substrate-mp")
    parser.add_argument("--version", default="1")
    parser.add_argument("--hardware", default="", help="written to the card")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    runs = [torch.load(path, weights_only=True, map_location="cpu") for path in options.checkpoints]
    members = tuple(sorted(member for run in runs for member in run["members"]))
    settings = runs[0]["config"]
    tasks = tasks_of_columns(settings["columns"])
    shipped = [index for index, task in enumerate(tasks) if is_shipped(task)]
    config = TrainingConfig(
        members=members,
        epochs=settings["epochs"],
        width=settings["width"],
        n_layers=settings["n_layers"],
        resampling=Resampling(settings["resampling"]),
        tasks=tuple(tasks[index] for index in shipped),
    )
    data = load_dataset(options.data, options.work / "graphs", config.tasks, config.rule)
    training = {
        "members": members,
        "seeds": [1000 + member for member in members],
        "left_out": _LEFT_OUT[config.resampling],
        "epochs": [run["epoch"] for run in runs],
        "wall_seconds": [round(run["seconds"]) for run in runs],
        "hardware": options.hardware,
        "optimizer": {name: settings[name] for name in _OPTIMIZER},
        "started_from": settings["start_from"] and "an earlier run of the same members",
        "columns": settings["columns"],
        "loss": "absolute error in units of the target's spread, masked, a head a column; Laplace noise scale",
        "command": "python -m epitaxy_models.training; python -m epitaxy_models.training.publish",
        "published": datetime.now(UTC).date().isoformat(),
    }
    card = _uncalibrated_card(data, config, options.name, options.version, training)
    apart = textbook_rows(options.data, options.textbook)
    column = pd.read_parquet(options.data, columns=["structure"])["structure"].tolist()
    publisher = Publisher(data, lambda row: structure_from_column(column[row]), config, options.out, apart)
    for entry in publisher.publish(keep_heads(stack_members(runs), shipped), card).properties:
        _LOG.info(
            "%s  %s  coverage %.3f of %.2f",
            entry.definition.name,
            entry.metrics,
            entry.measured_coverage,
            entry.measured_at,
        )
        for part in ("textbook", "out_of_fold"):
            for group, found in getattr(entry, part).items():
                _LOG.info("%s  %s, %s: %s", entry.definition.name, part, group, found)


if __name__ == "__main__":
    main()
