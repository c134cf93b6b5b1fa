"""Training and featurizing against a plain PyG loop: ``python -m loadtest.training_speed [--parquet FILE]``.

Both train five members on the same crystals and labels, graphs built beforehand, batches of 64, one process with one
thread, epochs in turn: this product's stacked network (4 layers, 96 wide), and five CGCNNs (3 layers, 64 wide) one
after the other on each batch, as PyG's examples have it. Featurizing is timed on the same structures, in turn.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.data.synthetic_labels import DISTANCE_COLUMN, WAVE_COLUMN, synthetic_table
from epitaxy_models.graphs.graph import DEFAULT_RULE, build_graph
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import load_dataset
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.report import EpochReport, StepReport
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, Task
from loadtest import corpus
from loadtest.bench.report import replaced
from loadtest.machine import machine_record
from loadtest.spread import Spread, ratios

_COMPUTED = (
    Task(DISTANCE_COLUMN, PropertyDefinition("distance", "Angstrom", Fidelity.FORCE_FIELD, "computed", "d"), 1.0),
    Task(WAVE_COLUMN, PropertyDefinition("wave", "1", Fidelity.FORCE_FIELD, "computed", "w"), 0.5, True),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="structures, formulas and Materials Project labels")
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("scratch/training-speed.json"))
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    report = {"record": machine_record(), "rows": options.rows} | measure(options.parquet, options.rows, options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    if options.write_docs:
        page = Path(__file__).parents[1] / "docs/performance.md"
        page.write_text(replaced(page.read_text(), "training", markdown(report)))
    sys.stdout.write(markdown(report))
    return 0


def measure(parquet: Path | None, rows: int, rounds: int) -> dict[str, Any]:
    """Structures a second of both, featurizing and training, with the ratios of each round."""
    with tempfile.TemporaryDirectory() as folder:
        table, tasks = _table(parquet, rows, Path(folder))
        structures = [structure_from_column(text) for text in pd.read_parquet(table)["structure"]]
        training = _training(table, tasks, structures, rounds, Path(folder))
    featurizing = _featurizing(structures[:256], rounds)
    return {"training": training, "featurizing": featurizing}


def markdown(report: dict[str, Any]) -> str:
    lines = [
        "| one thread | this product, structures/s | PyG, structures/s | ratio (lowest to highest) |",
        "|---|---|---|---|",
    ]
    names = {"training": "training, five members, an epoch", "featurizing": "featurizing, structure to graph"}
    for kind, name in names.items():
        figures = report[kind]
        ratio = figures["ratio"]
        lines.append(
            f"| {name} | {figures['ours']['median']:.0f} | {figures['pyg']['median']:.0f} "
            f"| {ratio['median']:.1f}x ({ratio['lowest']:.1f} to {ratio['highest']:.1f}) |"
        )
    record = report["record"]
    told = (
        f"{report['rows']} rows; commit {record['commit']}, {record['machine']}, load {record['load_before']} before."
    )
    return "\n".join([*lines, "", told, ""])


def _table(parquet: Path | None, rows: int, folder: Path) -> tuple[Path, tuple[Task, ...]]:
    path = folder / "data.parquet"
    if parquet is None:
        synthetic_table().head(rows).to_parquet(path)
        return path, _COMPUTED
    columns = ["structure", "formula", *(task.column for task in MATERIALS_PROJECT_TASKS)]
    labelled = pd.read_parquet(parquet, columns=columns).dropna(subset=[MATERIALS_PROJECT_TASKS[0].column])
    labelled.sample(min(rows, len(labelled)), random_state=0).to_parquet(path)
    return path, MATERIALS_PROJECT_TASKS


def _training(
    table: Path, tasks: tuple[Task, ...], structures: Sequence[Structure], rounds: int, folder: Path
) -> dict[str, Any]:
    config = TrainingConfig(epochs=rounds + 1, tasks=tasks, warmup_steps=10)
    data = load_dataset(table, folder / "graphs", tasks, DEFAULT_RULE)
    rows = data.rows_of("train")
    peer = PygLoop([structures[row] for row in rows], data.labels[rows], config.batch_size)
    turns = _Turns(peer.epoch)
    Trainer(config, data, folder / "checkpoint.pt", observer=turns).run()
    # The first epoch of both compiles and warms up.
    return _compared(turns.ours[1:], turns.pyg[1:])


class _Turns:
    """After each epoch of ours, one of the peer's."""

    def __init__(self, peer_epoch: Callable[[], float]) -> None:
        self._peer_epoch = peer_epoch
        self.ours: list[float] = []
        self.pyg: list[float] = []

    def on_step(self, report: StepReport) -> None: ...

    def on_epoch(self, report: EpochReport) -> None:
        self.ours.append(report.structures_per_second)
        self.pyg.append(self._peer_epoch())


class PygLoop:
    """Five CGCNNs, one AdamW each, mean absolute error of the labels that there are."""

    def __init__(self, structures: Sequence[Structure], labels: NDArray[np.float32], batch_size: int) -> None:
        from torch_geometric.loader import DataLoader  # noqa: PLC0415 - takes seconds to load

        from loadtest.peers.pyg_cgcnn import N_PROPERTIES, graph_of, new_ensemble  # noqa: PLC0415 - the same

        graphs = []
        for structure, row in zip(structures, labels, strict=True):
            graph = graph_of(corpus.pymatgen_structure(structure))
            padded = np.full(N_PROPERTIES, np.nan, dtype=np.float32)
            padded[: len(row)] = row[:N_PROPERTIES]
            graph.y = torch.from_numpy(padded)[None]
            graphs.append(graph)
        self._loader = DataLoader(graphs, batch_size=batch_size, shuffle=True, drop_last=True)
        self._members = [member.train() for member in new_ensemble()]
        self._optimizers = [torch.optim.AdamW(member.parameters(), lr=1e-3) for member in self._members]

    def epoch(self) -> float:
        """Structures a second of one pass over the data by all members."""
        began, count = time.monotonic(), 0
        for batch in self._loader:
            known = torch.isfinite(batch.y)
            for member, optimizer in zip(self._members, self._optimizers, strict=True):
                optimizer.zero_grad(set_to_none=True)
                loss = (member(batch) - batch.y).abs()[known].mean()
                loss.backward()
                optimizer.step()
            count += batch.num_graphs
        return count / (time.monotonic() - began)


def _featurizing(structures: Sequence[Structure], rounds: int) -> dict[str, Any]:
    from loadtest.peers.pyg_cgcnn import graph_of  # noqa: PLC0415 - takes seconds to load

    theirs = [corpus.pymatgen_structure(structure) for structure in structures]
    ours, pyg = [], []
    for _ in range(rounds + 1):
        ours.append(_rate(lambda: [build_graph(structure) for structure in structures], len(structures)))
        pyg.append(_rate(lambda: [graph_of(structure) for structure in theirs], len(theirs)))
    return _compared(ours[1:], pyg[1:])


def _rate(work: Callable[[], object], count: int) -> float:
    began = time.monotonic()
    work()
    return count / (time.monotonic() - began)


def _compared(ours: Sequence[float], pyg: Sequence[float]) -> dict[str, Any]:
    return {
        "ours": Spread.of(ours).as_record(),
        "pyg": Spread.of(pyg).as_record(),
        "ratio": ratios(ours, pyg).as_record(),
    }


if __name__ == "__main__":
    sys.exit(main())
