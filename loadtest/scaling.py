"""One Ray Train worker against two at the same global batch: ``python -m loadtest.scaling [--parquet FILE]``.

Prints the loss curves, structures a second for featurizing and training, the speed-up, the size of the graph store, and
writes all of it with machine and versions to ``--out``. Without a Parquet of structures and Materials Project labels
the bundled crystals with computed labels are used.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from epitaxy.pretraining.domain import PretrainRun
from epitaxy.pretraining.journal import epoch_reports
from epitaxy.pretraining.mlflow_tracking import NoTracking
from epitaxy.pretraining.ray_trainer import RayTrainer
from epitaxy.pretraining.service import Pretraining
from epitaxy_models.data.synthetic_labels import DISTANCE_COLUMN, WAVE_COLUMN, synthetic_table
from epitaxy_models.graphs.batch import select
from epitaxy_models.graphs.featurize import featurized
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.graphs.store import read_store, write_batches
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.tasks import Task

# Two workers sum in another order than one; the curves part by rounding only.
LOSS_TOLERANCE = 0.02
_SYNTHETIC = (
    Task(DISTANCE_COLUMN, PropertyDefinition("distance", "Angstrom", Fidelity.FORCE_FIELD, "computed", "d"), 1.0),
    Task(WAVE_COLUMN, PropertyDefinition("wave", "1", Fidelity.FORCE_FIELD, "computed", "w"), 0.5, True),
)


class Silent:
    """A display that shows nothing."""

    def say(self, text: str) -> None: ...

    def featurized(self, done: int, total: int) -> None: ...

    def show(self, event: Mapping[str, Any]) -> None: ...


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="structure, formula and Materials Project label columns")
    parser.add_argument("--rows", type=int, default=4000, help="sampled from the file")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--out", type=Path, help="JSON with all figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    print(json.dumps(figures, indent=1))
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["largest_loss_difference"] <= LOSS_TOLERANCE else 1


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    table, tasks = _data(options, folder)
    training = TrainingConfig(
        members=tuple(range(options.members)), epochs=options.epochs, width=options.width, tasks=tasks, warmup_steps=50
    )
    run = PretrainRun("scaling", table, folder / "one", training)
    featurizing = {str(n): _featurize(table, folder / f"featurize-{n}", n) for n in (1, 2)}
    store = _store_figures(folder / "featurize-1")
    runs = {n: _train(replace(run, workers=n, work=folder / f"workers-{n}")) for n in (1, 2)}
    losses = {n: np.array(figures["losses"]) for n, figures in runs.items()}
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
        "versions": {name: version(name) for name in ("torch", "ray", "numpy")},
        "commit": _commit(),
        "settings": {"members": options.members, "width": options.width, "layers": training.n_layers, "batch": 64},
        "store": store,
        "featurized_per_second": featurizing,
        "featurizing_speed_up": round(featurizing["2"] / featurizing["1"], 2),
        "training": {str(n): figures for n, figures in runs.items()},
        "training_speed_up": round(runs[2]["structures_per_second"] / runs[1]["structures_per_second"], 2),
        "largest_loss_difference": float(np.max(np.abs(losses[2] - losses[1]) / np.abs(losses[1]))),
    }


def _data(options: argparse.Namespace, folder: Path) -> tuple[Path, tuple[Task, ...]]:
    path = folder / "data.parquet"
    if options.parquet is None:
        synthetic_table().to_parquet(path)
        return path, _SYNTHETIC
    table = pd.read_parquet(options.parquet)
    table.sample(min(options.rows, len(table)), random_state=0).to_parquet(path)
    return path, TrainingConfig().tasks


def _featurize(table: Path, store: Path, processes: int) -> float:
    """Structures a second of wall time; the start of the processes cancels between a short run and a long one."""
    texts = pq.read_table(table, columns=["structure"])["structure"].to_pylist()
    long, short = (_seconds_to_featurize(texts * times, store, processes) for times in (3, 1))
    return round(2 * len(texts) / (long - short), 1)


def _seconds_to_featurize(texts: list[str], store: Path, processes: int) -> float:
    began = time.monotonic()
    write_batches(store, featurized(texts, DEFAULT_RULE, processes), DEFAULT_RULE)
    return time.monotonic() - began


def _store_figures(store: Path) -> dict[str, float]:
    graphs = read_store(store, DEFAULT_RULE)
    size = sum(path.stat().st_size for path in store.iterdir())
    batch = select(graphs, np.arange(min(64, graphs.n_graphs)))
    return {
        "graphs": graphs.n_graphs,
        "bytes_per_graph": round(size / graphs.n_graphs, 1),
        "nodes_per_graph": round(len(graphs.atomic_numbers) / graphs.n_graphs, 2),
        "edges_per_graph": round(graphs.n_edges / graphs.n_graphs, 1),
        "edges_of_a_batch": batch.n_edges,
    }


def _train(run: PretrainRun) -> dict[str, Any]:
    outcome = Pretraining(RayTrainer(), NoTracking(), Silent())(run, 1)
    reports = epoch_reports(run.journal)
    return {
        "losses": [report.loss for report in reports],
        # The first epoch compiles.
        "structures_per_second": round(median(report.structures_per_second for report in reports[1:]), 1),
        "checkpoint_bytes": outcome.checkpoint.stat().st_size,
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
