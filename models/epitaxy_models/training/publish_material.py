"""From checkpoints to a substrate of molecules or compositions: stack the members, calibrate, measure, write.

Run as ``python -m epitaxy_models.training.publish_material --kind molecule --data FILE --work DIR --out FOLDER
CHECKPOINT ...``.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs, load_dataset
from epitaxy_models.training.material_cards import PROFILES, SPLIT, MaterialProfile
from epitaxy_models.training.material_release import MaterialPublisher
from epitaxy_models.training.member_stack import keep_heads, stack_members
from epitaxy_models.training.split import PARTS, Resampling
from epitaxy_models.training.tasks import Task

_LOG = logging.getLogger(__name__)
_PLACEHOLDER = Calibrator(tuple(np.linspace(1, 4, 100).tolist()), 1e-9, 0)
_OPTIMIZER = ("batch_size", "peak_rate", "warmup_steps", "decay_share", "weight_decay", "ema_decay", "clip_norm")


def uncalibrated_card(
    profile: MaterialProfile, data: LabelledGraphs, config: TrainingConfig, version: str, training: dict[str, Any]
) -> ModelCard:
    """The card before anything is measured."""
    counts = {part: len(data.rows_of(part)) for part in PARTS}
    served = [(head, task) for head, task in enumerate(config.tasks) if task.is_served]
    return ModelCard(
        name=profile.name,
        version=version,
        description=profile.description,
        license=profile.license,
        backbone=config.backbone,
        rule=config.rule,
        properties=tuple(
            PropertyCard(task.definition, head, _PLACEHOLDER, METHOD, 0.0, DEFAULT_COVERAGE, 0, {})
            for head, task in served
        ),
        training_data=TrainingData(
            name=profile.data,
            attribution=profile.attribution,
            license=profile.data_license,
            split=SPLIT,
            n_train=counts["train"],
            n_validation=counts["validation"],
            n_calibration=counts["calibration"],
            n_test=counts["test"],
        ),
        training=training,
        heads=tuple(task.column for task in config.tasks),
    )


def publish_material(
    profile: MaterialProfile,
    checkpoints: Sequence[Path],
    data: Path,
    store: Path,
    out: Path,
    version: str = "1",
    hardware: str = "",
) -> ModelCard:
    """Publishes the members of some checkpoints as one substrate.

    Args:
        profile: What the card says of the data, and the tasks.
        checkpoints: Of runs with the same settings and different members.
        data: The table that was trained on.
        store: Folder of its graphs.
        out: Takes weights and card.
        version: Of the substrate.
        hardware: What it was trained on, for the card.

    Returns:
        The card with calibration and held-out errors.

    Raises:
        ConfigurationError: A checkpoint has a column without a task (UNKNOWN_TASKS), none is served
            (NOTHING_SERVED), or one has fewer than 200 calibration rows (CALIBRATION_TOO_SMALL).
    """
    torch.set_num_threads(1)
    runs = [torch.load(path, weights_only=True, map_location="cpu") for path in checkpoints]
    settings = runs[0]["config"]
    by_column = {task.column: task for task in profile.tasks}
    _check_tasks(by_column, settings["columns"])
    kept = [head for head, column in enumerate(settings["columns"]) if profile.is_kept(by_column[column])]
    config = TrainingConfig(
        members=tuple(sorted(member for run in runs for member in run["members"])),
        epochs=settings["epochs"],
        width=settings["width"],
        n_layers=settings["n_layers"],
        head_width=settings["head_width"],
        resampling=Resampling(settings["resampling"]),
        rule=profile.rule,
        tasks=tuple(by_column[settings["columns"][head]] for head in kept),
    )
    labelled = load_dataset(data, store, config.tasks, config.rule)
    card = uncalibrated_card(profile, labelled, config, version, _record_of(runs, config, hardware))
    publisher = MaterialPublisher(labelled, config, out, profile.node_names, profile.plural)
    return publisher.publish(keep_heads(stack_members(runs), kept), card)


def _check_tasks(by_column: Mapping[str, Task], columns: Sequence[str]) -> None:
    unknown = [column for column in columns if column not in by_column]
    if unknown:
        raise ConfigurationError(
            f"the checkpoint was trained on {', '.join(unknown)}, and the tasks are others", reason="UNKNOWN_TASKS"
        )
    if not any(by_column[column].is_served for column in columns):
        raise ConfigurationError(
            "no task is served: give at least one is_served: true, and train again or publish with it",
            reason="NOTHING_SERVED",
        )


def main() -> None:
    """Publishes the members of some checkpoints as one substrate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--kind", choices=sorted(PROFILES), required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder that holds the graph store")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1")
    parser.add_argument("--hardware", default="", help="written to the card")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    profile, store = PROFILES[options.kind](), options.work / "graphs"
    found = publish_material(
        profile, options.checkpoints, options.data, store, options.out, options.version, options.hardware
    )
    for entry in found.properties:
        _LOG.info("%s  %s  coverage %.3f", entry.definition.name, entry.metrics, entry.measured_coverage)


def _record_of(runs: list[dict[str, Any]], config: TrainingConfig, hardware: str) -> dict[str, Any]:
    """How the members were trained."""
    settings = runs[0]["config"]
    return {
        "members": config.members,
        "seeds": [1000 + member for member in config.members],
        "left_out": "each member never saw its own tenth of the training keys",
        "epochs": [run["epoch"] for run in runs],
        "seconds": [round(run["seconds"]) for run in runs],
        "columns": settings["columns"],
        "optimizer": {name: settings[name] for name in _OPTIMIZER},
        "torch": torch.__version__,
        "hardware": hardware,
        "created": datetime.now(UTC).date().isoformat(),
    }


if __name__ == "__main__":
    main()
