"""Command line: ``python -m epitaxy_models.training --data mp.parquet --work DIR --members 0,1,2``."""

import argparse
import logging
from pathlib import Path

import torch

from epitaxy_models.data.auxiliary.labels import GROUPS
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import load_dataset
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.split import Resampling
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, auxiliary_tasks


def main() -> None:
    """Trains the named members; run again to resume."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Parquet with a structure column and labels")
    parser.add_argument("--work", type=Path, required=True, help="folder for the graph store and the checkpoints")
    parser.add_argument("--members", default="0,1,2,3,4", help="numbers of the members to train here")
    parser.add_argument("--epochs", type=int, default=TrainingConfig().epochs)
    parser.add_argument("--width", type=int, default=TrainingConfig().width)
    parser.add_argument("--peak-rate", type=float, default=TrainingConfig().peak_rate)
    parser.add_argument("--decay-share", type=float, default=TrainingConfig().decay_share)
    parser.add_argument("--auxiliary", default="", help=f"groups of auxiliary labels, of {', '.join(GROUPS)}")
    parser.add_argument("--resampling", choices=list(Resampling), default=Resampling.TENTH, type=Resampling)
    parser.add_argument(
        "--start-from", default="", help="checkpoint of an earlier run, or folder of a published model, to start from"
    )
    parser.add_argument(
        "--class-weights", default="", help="weights in the loss of crystals of one, two, ... elements, such as 5,2,1"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    members = tuple(int(member) for member in options.members.split(","))
    groups = [group for group in options.auxiliary.split(",") if group]
    config = TrainingConfig(
        members=members,
        epochs=options.epochs,
        width=options.width,
        peak_rate=options.peak_rate,
        decay_share=options.decay_share,
        resampling=options.resampling,
        start_from=options.start_from,
        class_weights=tuple(float(weight) for weight in options.class_weights.split(",") if weight),
        tasks=MATERIALS_PROJECT_TASKS + auxiliary_tasks(groups),
    )
    data = load_dataset(options.data, options.work / "graphs", config.tasks, config.rule)
    name = "members-" + "-".join(map(str, members))
    Trainer(config, data, options.work / f"{name}.pt", options.device).run()


if __name__ == "__main__":
    main()
