"""Calibrates and measures a published model again, its weights as they are: new rules of intervals or domain.

Run as ``python -m epitaxy_models.training.recalibrate --data mp.parquet --work DIR --model FOLDER --version 3``.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures import structure_from_column
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import load_dataset
from epitaxy_models.training.publish import textbook_rows
from epitaxy_models.training.release import Publisher
from epitaxy_models.training.tasks import tasks_of_columns

_LOG = logging.getLogger(__name__)


def recalibrate(
    artifact: ModelArtifact, data: Path, work: Path, folder: Path, version: str, textbook: Path | None = None
) -> None:
    """Writes the model with the given version into ``folder``, measured on the parts that its members never saw.

    Rows of the file ``textbook`` are measured apart.

    Raises ConfigurationError if the file lacks the labels of a served property.
    """
    card = artifact.card
    columns = pd.read_parquet(data).columns
    known = [column for column in card.heads if column in columns]
    if any(known[entry.head : entry.head + 1] != [card.heads[entry.head]] for entry in card.properties):
        raise ConfigurationError(f"{data} lacks labels of the served properties", reason="LABEL_COLUMN_MISSING")
    config = TrainingConfig(
        members=tuple(range(card.backbone.n_members)),
        width=card.backbone.width,
        n_layers=card.backbone.n_layers,
        rule=card.rule,
        tasks=tasks_of_columns(known),
    )
    labelled = load_dataset(data, work / "graphs", config.tasks, config.rule)
    column = pd.read_parquet(data, columns=["structure"])["structure"].tolist()
    weights = {
        f"{part}.{name}": value
        for part, tensors in (("backbone", artifact.backbone), ("heads", artifact.heads))
        for name, value in tensors.items()
    }
    publisher = Publisher(
        labelled, lambda row: structure_from_column(column[row]), config, folder, textbook_rows(data, textbook)
    )
    publisher.publish(weights, replace(card, version=version))


def main() -> None:
    """Calibrates one model again, in place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder that holds, or takes, the graph store")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--textbook", type=Path, help="file of well-known crystals among the data, measured apart")
    parser.add_argument("--version", required=True, help="of the model from now on")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    recalibrate(
        load_artifact(options.model), options.data, options.work, options.model, options.version, options.textbook
    )


if __name__ == "__main__":
    main()
