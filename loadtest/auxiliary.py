"""Which auxiliary labels make a better substrate: ``python -m loadtest.auxiliary --data mp.parquet --targets FOLDER``.

Trains one small backbone a variant on the same sample, freezes it, and learns the target sets from 25 and 100 labels:
once from the embedding and its own predictions alone, once together with descriptors. Prints the errors over those of
the backbone without auxiliary labels (geometric means) and writes them with machine and versions to ``--out``. A
variant that is already trained in ``--work`` is not trained again.
"""

import argparse
import json
import os
import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.data.auxiliary.__main__ import bulk_moduli
from epitaxy_models.data.auxiliary.labels import GROUPS
from epitaxy_models.data.auxiliary.table import with_auxiliary
from epitaxy_models.graphs.batch import collate
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import load_dataset
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.tasks import MATERIALS_PROJECT_TASKS, auxiliary_tasks
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.splits import Split, few_label_draws
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from loadtest.transfer_targets import TARGETS, Pool, read_pool

_SIZES = (25, 100)
_N_POOL = 1500
_N_PREDICTED = 2  # formation energy and gap: what every variant predicts
_WITHOUT = "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Parquet of Materials Project structures and labels")
    parser.add_argument("--moduli", type=Path, help="Parquet of compositions and log10_k_vrh_GPa")
    parser.add_argument("--targets", type=Path, required=True, help="folder of the target sets")
    parser.add_argument("--work", type=Path, required=True, help="folder for graphs and checkpoints")
    parser.add_argument("--variants", nargs="*", default=[_WITHOUT, *GROUPS], help="groups, joined by + within one")
    parser.add_argument("--rows", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("auxiliary-results.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = _prepared(options.data, options.moduli, options.rows, options.work)
    pools = [read_pool(target, options.targets, options.work, _N_POOL) for target in TARGETS]
    errors: dict[str, dict[str, float]] = {}
    for variant in options.variants:
        trainer = _trained(variant, data, options.work, options.epochs)
        errors[variant] = {}
        for pool in pools:
            errors[variant] |= _errors(trainer, pool, options.draws)
        _say(variant, errors)
        options.out.write_text(json.dumps({"machine": _machine(), "errors": errors}, indent=1))


def _prepared(data: Path, moduli: Path | None, n_rows: int, work: Path) -> Path:
    """A sample with auxiliary labels and perturbed copies, made once."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"sample-{n_rows}.parquet"
    if not path.exists():
        table = pd.read_parquet(data)
        table = table.sample(min(n_rows, len(table)), random_state=0).sort_index()
        known = bulk_moduli(moduli) if moduli else {}
        with_auxiliary(table, known, stretched_share=0.4, rattled_share=0.8).to_parquet(path, index=False)
    return path


def _trained(variant: str, data: Path, work: Path, epochs: int) -> Trainer:
    groups = () if variant == _WITHOUT else tuple(variant.split("+"))
    tasks = MATERIALS_PROJECT_TASKS + auxiliary_tasks(groups)
    config = TrainingConfig(members=(0, 1), epochs=epochs, warmup_steps=200, tasks=tasks)
    labelled = load_dataset(data, work / f"graphs-{data.stem}", tasks, config.rule)
    trainer = Trainer(config, labelled, work / f"variant-{variant}.pt")
    trainer.run()
    return trainer


def _errors(trainer: Trainer, pool: Pool, n_draws: int) -> dict[str, float]:
    embeddings, predictions = _features(trainer, pool)
    frozen = {EMBEDDING: embeddings, SUBSTRATE: predictions}
    described = {DESCRIPTORS: pool.inputs.blocks[DESCRIPTORS]}
    found = {}
    for name, blocks in (("frozen", frozen), ("blocks", frozen | described)):
        inputs = replace(pool.inputs, blocks=blocks)
        for n in _SIZES:
            draws = few_label_draws(inputs.formulas, n, n_draws, n_test_max=1000)
            found[f"{pool.target.name}/{n}/{name}"] = float(np.mean([_error(inputs, pool, draw) for draw in draws]))
    return found


def _error(inputs: TransferInputs, pool: Pool, draw: Split) -> float:
    labels = pool.labels[draw.train]
    scale = TargetTransform.fit(pool.target.transform, labels)
    fitted = BlockGP().fit(inputs.take(draw.train), scale.forward(labels), seed=0)
    values = scale.inverse(fitted.predict(inputs.take(draw.test)).values)
    return float(np.abs(values - pool.labels[draw.test]).mean())


def _features(trainer: Trainer, pool: Pool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    network, config, graphs = trainer.average.eval(), trainer.config, pool.inputs.graphs
    embeddings, values = [], []
    with torch.no_grad():
        for start in range(0, len(graphs), 128):
            batch = to_tensors(collate(graphs[start : start + 128]), config.backbone)
            found = network.backbone(batch)
            embeddings.append(found.swapaxes(0, 1).flatten(1).numpy())
            values.append(network.heads(found, batch.composition)[0].mean(dim=0)[:, :_N_PREDICTED].numpy())
    return np.concatenate(embeddings).astype(np.float64), np.concatenate(values).astype(np.float64)


def _say(variant: str, errors: dict[str, dict[str, float]]) -> None:
    base = next(iter(errors.values()))
    ratios = {cell: value / base[cell] for cell, value in errors[variant].items()}
    parts = []
    for kind in ("frozen", "blocks"):
        for n in _SIZES:
            logs = [np.log(ratio) for cell, ratio in ratios.items() if cell.endswith(f"/{n}/{kind}")]
            parts.append(f"{kind} n={n} {np.exp(np.mean(logs)):.3f}")
    print(f"{variant:60s} {'  '.join(parts)}", flush=True)


def _machine() -> dict[str, str]:
    return {"cpus": str(os.cpu_count()), "machine": platform.machine(), "torch": version("torch")}


if __name__ == "__main__":
    main()
