"""From checkpoints to a substrate of molecules or compositions: stack the members, calibrate, measure, write.

Run as ``python -m epitaxy_models.training.publish_material --kind molecule --data FILE --work DIR --out FOLDER
CHECKPOINT ...``.
"""

import argparse
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs, load_dataset
from epitaxy_models.training.material_cards import PROFILES, SPLIT, MaterialProfile
from epitaxy_models.training.material_release import MaterialPublisher
from epitaxy_models.training.member_stack import keep_heads, stack_members
from epitaxy_models.training.split import PARTS, Resampling

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
    torch.set_num_threads(1)
    runs = [torch.load(path, weights_only=True, map_location="cpu") for path in options.checkpoints]
    profile, settings = PROFILES[options.kind](), runs[0]["config"]
    by_column = {task.column: task for task in profile.tasks}
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
    data = load_dataset(options.data, options.work / "graphs", config.tasks, config.rule)
    training = _record_of(runs, config, options.hardware)
    card = uncalibrated_card(profile, data, config, options.version, training)
    publisher = MaterialPublisher(data, config, options.out, profile.node_names, profile.plural)
    for entry in publisher.publish(keep_heads(stack_members(runs), kept), card).properties:
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
