"""What transfer is worth: ``python -m loadtest.transfer --data ../shared/data [--quick]``.

Learning curves of every strategy, and of what a job chooses, on real targets: labels drawn by formula, errors measured
on other formulas, so no choice has seen what it is measured on. Cells are appended to a JSON-lines file as they finish;
a second run goes on where the first stopped. Writes a summary as JSON, a table and plots.
"""

import argparse
import itertools
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.calibration.out_of_fold import calibrate
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.transfer.contest.comparison import Comparison, Contest, Task
from epitaxy_models.transfer.contest.field import Field, default_field
from epitaxy_models.transfer.contest.judge import Judgement, judge
from epitaxy_models.transfer.contest.stacking import STACK, stack_weights
from epitaxy_models.transfer.fitted.refit import COVERAGES, N_MEMBERS, calibrated, refit
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind
from epitaxy_models.transfer.splits import Split, few_label_draws, grouped_folds, n_folds_for
from epitaxy_models.transfer.strategies import restore
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS
from epitaxy_models.transfer.strategy import TransferStrategy
from loadtest.transfer_draws import Draw, draw_path
from loadtest.transfer_targets import TARGETS, Pool, read_pool

SIZES, N_SEEDS, N_TEST = (25, 50, 100, 250, 1000), 5, 500
MEDIAN, DEFAULT, CHOSEN = "pool_median", "block_gp", "chosen"
_N_RESAMPLED = 1000
# What a job chose on the same draws before simple laws competed, substrate-mp 4; ADR 25.
BEFORE = {
    "expt_formation_enthalpy": {"25": "0.127", "50": "0.109", "100": "0.093", "250": "0.077", "1000": "0.056"},
    "expt_gap": {"25": "0.520", "50": "0.472", "100": "0.447", "250": "0.442", "1000": "0.392"},
    "hse_gap": {"25": "0.332", "50": "0.368", "100": "0.334", "250": "0.305", "1000": "0.285"},
    "phonon_peak": {"25": "106", "50": "97", "100": "64", "250": "48"},
    "log10_dielectric": {"25": "0.103", "50": "0.090", "100": "0.075", "250": "0.058"},
    "exfoliation_energy": {"25": "44.0", "50": "47.7", "100": "43.3", "250": "34.7"},
    "perovskite_heat": {"25": "0.283", "50": "0.222", "100": "0.191", "250": "0.138"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the target Parquet files")
    parser.add_argument("--work", type=Path, default=Path("scratch/transfer"), help="features, cells, results")
    parser.add_argument("--targets", nargs="*", default=[target.name for target in TARGETS])
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--pool", type=int, default=2500, help="rows of a target at most")
    parser.add_argument(
        "--networks", nargs="*", default=[], help="these too, e.g. scratch_network: minutes to an hour a cell"
    )
    parser.add_argument("--peers", nargs="*", default=[], help="other substrates beside ours, such as chgnet")
    parser.add_argument("--networks-only", action="store_true", help="as a second process beside one for the rest")
    parser.add_argument("--reference", default="scratch_network", help="what the multiplier compares with")
    parser.add_argument("--quick", action="store_true", help="25 and 100 labels, two seeds, small pools, no networks")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.seeds, options.pool = [25, 100], min(options.seeds, 2), min(options.pool, 400)
    torch.set_num_threads(1)
    cells = options.work / "cells.jsonl"
    measure(options, cells)
    wanted = [c for c in read_cells(cells) if c["target"] in options.targets and c["pool"] == options.pool]
    wanted = [c for c in wanted if c["network"] or c.get("peers", []) == options.peers]
    summary = summarize(wanted, options.reference)
    out = options.work / "-".join(["with", *options.peers]) if options.peers else options.work
    out.mkdir(exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    (out / "table.md").write_text(as_table(summary))
    plot(summary, out)
    print(as_table(summary))


def measure(options: argparse.Namespace, path: Path) -> None:
    """Every cell that the file does not hold yet: what a job does first, then each network by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {_key(cell) for cell in read_cells(path)}
    artifact = load_artifact(shipped_model())
    field = default_field(artifact, with_peers=bool(options.peers))
    networks = {strategy.name: strategy for strategy in field.costly if strategy.name in options.networks}
    if unknown := set(options.networks) - set(networks):
        raise SystemExit(f"no such network: {', '.join(sorted(unknown))}")
    wanted = [*networks] if options.networks_only else [None, *networks]
    for network, target in itertools.product(wanted, TARGETS):
        left = [(n, seed) for n in options.sizes for seed in range(options.seeds)]
        peers = () if network else tuple(options.peers)
        left = [pair for pair in left if (target.name, *pair, options.pool, network, peers) not in done]
        if not left or target.name not in options.targets:
            continue
        pool = read_pool(target, options.data, options.work, options.pool, peers)
        for number, (n, seed) in enumerate(left):
            start = time.perf_counter()
            told = field.told(0.0, pool.kin(artifact))
            keep = draw_path(options.work / "draws", artifact.weights_digest, target.name, options.pool, n, seed)
            one = networks[network] if network else None
            cell = measure_cell(pool, n, seed, told, one, None if peers else keep)
            with path.open("a") as file:
                file.write(json.dumps(cell | {"pool": options.pool, "network": network, "peers": peers}) + "\n")
            seconds = time.perf_counter() - start
            done_of = f"{target.name} n={n} seed={seed} {number + 1}/{len(left)}"
            print(f"{done_of}  {network or cell['chosen']}  {seconds:.1f} s", flush=True)


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What a job makes of one draw, and what it says of rows that it never saw; all on the scale of the fit.

    Attributes:
        transform: Of the labels.
        draw: Labels of the test rows, served values and expected errors, predictions of the choice out of fold.
        comparison: Of all strategies.
        judgement: What was chosen, and why.
        maes: Of the refitted choice and of a stack, on the test rows, in the property's unit.
        shares: Of the stack.
    """

    transform: TargetTransform
    draw: Draw
    comparison: Comparison
    judgement: Judgement
    maes: dict[str, float]
    shares: dict[str, float]


def measure_cell(
    pool: Pool,
    n: int,
    seed: int,
    field: Field,
    network: TransferStrategy | None = None,
    keep: Path | None = None,
) -> dict[str, Any]:
    """One draw: errors of a network, or of the frozen strategies and a job's choice, on rows that none has seen.

    The job's choice is kept at the path ``keep``.
    """
    head = {"target": pool.target.name, "unit": pool.target.unit, "n": n, "seed": seed, "overlap": pool.overlap}
    try:
        draw = draw_of(pool, n, seed)
    except EpitaxyError as error:
        return head | {"maes": {}, "chosen": "nothing: " + error.message}
    train, test = pool.inputs.take(draw.train), pool.inputs.take(draw.test)
    truth = pool.labels[draw.test]
    transform = TargetTransform.fit(pool.target.transform, pool.labels[draw.train])
    targets = transform.forward(pool.labels[draw.train])
    maes = {}
    for strategy in (network,) if network else field.frozen:
        try:
            values = strategy.fit(train, targets, seed).predict(test).values
        except ValueError:  # no head states the quantity
            continue
        maes[strategy.name] = float(np.abs(transform.inverse(values) - truth).mean())
    if network:
        return head | {"maes": maes}
    served = serve(pool, n, seed, field)
    found, is_seen = served.draw, pool.is_seen[draw.test]
    if keep:
        found.save(keep)
    errors = np.abs(transform.inverse(found.values) - truth)
    calibrator = calibrate(found.predictions)
    residuals = np.abs(found.truth - found.values)
    widths = {str(c): calibrator.half_widths(found.expected_errors, c) for c in COVERAGES}
    return head | {
        "maes": maes | served.maes,
        "cross_validated": served.comparison.maes(),
        "chosen": served.judgement.chosen,
        "verdict": str(served.judgement.verdict),
        "transfer_verdict": str(served.judgement.transfer_verdict),
        "stack": served.shares,
        "coverage": {c: float(np.mean(residuals <= width)) for c, width in widths.items()},
        "n_test": len(truth),
        "seen": _mean_of(errors[is_seen]),
        "unseen": _mean_of(errors[~is_seen]),
        "n_seen": int(is_seen.sum()),
    }


def _mean_of(errors: NDArray[np.float64]) -> float | None:
    return float(errors.mean()) if len(errors) else None


def draw_of(pool: Pool, n: int, seed: int) -> Split:
    """Rows to learn from and rows to be tested on. Raises EpitaxyError where the pool is too small."""
    return few_label_draws(pool.inputs.formulas, n, seed + 1, n_test_max=N_TEST)[seed]


def serve(pool: Pool, n: int, seed: int, field: Field) -> Served:
    """What a job does with one draw: compares, judges, refits, predicts."""
    draw = draw_of(pool, n, seed)
    train, test = pool.inputs.take(draw.train), pool.inputs.take(draw.test)
    transform = TargetTransform.fit(pool.target.transform, pool.labels[draw.train])
    targets = transform.forward(pool.labels[draw.train])
    n_folds = n_folds_for(n, len(set(train.formulas)))
    splits = grouped_folds(train.formulas, seed, 3)
    to_scale = None if transform.kind is TransformKind.NONE else transform.forward
    task = Task(train, pool.labels[draw.train], targets, transform.inverse, splits, n_folds, seed, to_scale)
    contest = Contest(task, np.inf, lambda: False)
    for strategy in field.frozen:
        contest.add(strategy)
    has_peers = any(entry.name == WITHOUT_PEERS for entry in field.frozen)
    left_out = {MEDIAN, DEFAULT} if has_peers else {MEDIAN}
    stackable = [entry.name for entry in field.frozen if entry.name not in left_out]
    contest.stack(stackable, field.laws)
    comparison = contest.finish()
    judged = judge(comparison.candidates(lambda name: True), task.test_ratio, median=MEDIAN, default=STACK)
    full = [comparison.validations[name] for name in stackable if name in comparison.validations]
    weights = dict(stack_weights(full, targets, splits, laws=field.laws).shares)
    served, maes = {}, {}
    for name in {judged.chosen, STACK}:
        shares = weights if name == STACK else {name: 1.0}
        members = refit(shares, field.named(), task, N_MEMBERS, lambda: False).members
        predictions = [[(part.share, restore(part.state).predict(test)) for part in m.parts] for m in members]
        values = np.array([sum(share * p.values for share, p in parts) for parts in predictions])
        stds = np.array([sum(share * p.stds for share, p in parts) for parts in predictions])
        served[name] = (values.mean(axis=0), np.sqrt(np.mean(stds**2, axis=0)))
        errors = np.abs(transform.inverse(served[name][0]) - pool.labels[draw.test])
        maes[f"{name}_served"] = float(errors.mean())
    maes[CHOSEN] = maes[f"{judged.chosen}_served"]
    return Served(
        transform=transform,
        draw=Draw(
            transform.forward(pool.labels[draw.test]),
            *served[judged.chosen],
            calibrated(comparison.validations[judged.chosen], task).predictions,
        ),
        comparison=comparison,
        judgement=judged,
        maes=maes,
        shares=weights,
    )


def read_cells(path: Path) -> list[dict[str, Any]]:
    """Finished cells; a line that a killed run left half written is skipped."""
    cells = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            cells.append(json.loads(line))
        except json.JSONDecodeError:
            print("skipped a line that was not finished")
    return cells


def _key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return cell["target"], cell["n"], cell["seed"], cell["pool"], cell["network"], tuple(cell.get("peers", ()))


def summarize(cells: list[dict[str, Any]], reference: str) -> dict[str, Any]:
    """Medians over seeds by target, size and strategy; multipliers of labels with intervals."""
    targets = {}
    for name in dict.fromkeys(cell["target"] for cell in cells):
        mine = [cell for cell in cells if cell["target"] == name and cell["maes"]]
        strategies = dict.fromkeys(key for cell in mine for key in cell["maes"] if not key.endswith("_served"))
        targets[name] = {
            "unit": mine[0]["unit"],
            "share_of_formulas_in_source_training": mine[0]["overlap"],
            "curves": {strategy: _curve(mine, strategy) for strategy in strategies},
            "coverage_at_0.9": {str(n): _mean_coverage(mine, n) for n in _sizes(mine)},
            "before": BEFORE.get(name, {}),
            "seen": {str(n): _median_of(mine, n, "seen") for n in _sizes(mine)},
            "unseen": {str(n): _median_of(mine, n, "unseen") for n in _sizes(mine)},
            "chosen": {str(n): [c["chosen"] for c in mine if c["n"] == n and c.get("chosen")] for n in _sizes(mine)},
            "multiplier": {str(n): multiplier(mine, n, reference) for n in _sizes(mine)},
        }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, one thread"
    return {"reference": reference, "machine": machine, "n_cells": len(cells), "targets": targets}


def multiplier(cells: list[dict[str, Any]], n: int, reference: str) -> dict[str, Any] | None:
    """Labels that the reference needs over ``n``, for the error that the chosen model has with ``n``.

    The 80 % interval resamples the seeds. Where the reference never gets there the number is a lower bound.
    """
    curve, chosen = _by_seed(cells, reference), _by_seed(cells, CHOSEN).get(n)
    if not curve or chosen is None:
        return None
    generator = np.random.default_rng(0)
    found = [_labels_needed(curve, float(np.median(chosen))) / n]
    for _ in range(_N_RESAMPLED):
        drawn = {size: generator.choice(values, len(values)) for size, values in curve.items()}
        error = float(np.median(generator.choice(chosen, len(chosen))))
        found.append(_labels_needed(drawn, error) / n)
    low, high = np.quantile(found[1:], [0.1, 0.9])
    return {
        "value": round(found[0], 2),
        "low": round(float(low), 2),
        "high": round(float(high), 2),
        "is_lower_bound": found[0] >= max(curve) / n,
    }


def _labels_needed(curve: dict[int, NDArray[np.float64]], error: float) -> float:
    """Where the reference's curve, made monotonous and straight between sizes on log scales, falls to that error."""
    sizes = sorted(curve)
    errors = np.minimum.accumulate([float(np.median(curve[size])) for size in sizes])
    if error >= errors[0]:
        return float(sizes[0])
    if error <= errors[-1]:
        return float(sizes[-1])
    return float(np.exp(np.interp(-np.log(error), -np.log(errors), np.log(sizes))))


def _by_seed(cells: list[dict[str, Any]], strategy: str) -> dict[int, NDArray[np.float64]]:
    sizes = {n: [c["maes"][strategy] for c in cells if c["n"] == n and strategy in c["maes"]] for n in _sizes(cells)}
    return {n: np.array(values) for n, values in sizes.items() if values}


def _curve(cells: list[dict[str, Any]], strategy: str) -> dict[str, dict[str, float]]:
    return {
        str(n): {"median": float(np.median(v)), "low": float(v.min()), "high": float(v.max())}
        for n, v in _by_seed(cells, strategy).items()
    }


def _mean_coverage(cells: list[dict[str, Any]], n: int) -> float | None:
    covered = [cell["coverage"]["0.9"] for cell in cells if cell["n"] == n and "coverage" in cell]
    return float(np.mean(covered)) if covered else None


def _median_of(cells: list[dict[str, Any]], n: int, key: str) -> float | None:
    found = [cell[key] for cell in cells if cell["n"] == n and cell.get(key) is not None]
    return float(np.median(found)) if found else None


def _sizes(cells: list[dict[str, Any]]) -> list[int]:
    return sorted({cell["n"] for cell in cells})


def as_table(summary: dict[str, Any]) -> str:
    """Median errors, one line a target and strategy; then multipliers and coverage."""
    rows = list(_rows(summary))
    frame = pd.DataFrame(rows).fillna("")
    widths = [max(len(str(v)) for v in [column, *frame[column]]) for column in frame.columns]
    lines = [list(frame.columns), ["-" * width for width in widths], *frame.to_numpy().tolist()]
    text = "\n".join(
        "| " + " | ".join(str(v).ljust(w) for v, w in zip(line, widths, strict=True)) + " |" for line in lines
    )
    return f"{text}\n"


def _rows(summary: dict[str, Any]) -> Iterator[dict[str, str]]:
    for name, target in summary["targets"].items():
        overlap = target["share_of_formulas_in_source_training"]
        title = f"{name}, {target['unit']} ({overlap:.0%} of formulas in the source)"
        for strategy, curve in target["curves"].items():
            yield {"target": title, "what": strategy} | {n: f"{p['median']:.4g}" for n, p in curve.items()}
        yield {"target": title, "what": "chosen, before simple laws competed"} | target["before"]
        for key in ("seen", "unseen"):
            shown = {n: f"{error:.4g}" for n, error in target[key].items() if error is not None}
            yield {"target": title, "what": f"chosen, formulas that the substrate has {key}"} | shown
        found = {n: entry for n, entry in target["multiplier"].items() if entry}
        labels = {
            n: f"{'>= ' if e['is_lower_bound'] else ''}{e['value']} ({e['low']}-{e['high']})" for n, e in found.items()
        }
        yield {"target": title, "what": f"labels saved against {summary['reference']}"} | labels
        covered = {n: f"{share:.1%}" for n, share in target["coverage_at_0.9"].items() if share is not None}
        yield {"target": title, "what": "coverage of 90 % intervals"} | covered


def plot(summary: dict[str, Any], folder: Path) -> None:
    """One picture a target."""
    for name, target in summary["targets"].items():
        figure, axes = plt.subplots(figsize=(6, 4.2), constrained_layout=True)
        for strategy, curve in target["curves"].items():
            sizes = [int(n) for n in curve]
            line = axes.plot(sizes, [p["median"] for p in curve.values()], marker="o", ms=4, label=strategy)[0]
            low, high = [p["low"] for p in curve.values()], [p["high"] for p in curve.values()]
            axes.fill_between(sizes, low, high, alpha=0.12, color=line.get_color())
            line.set_linewidth(2.5 if strategy == CHOSEN else 1.2)
        axes.set(
            xscale="log", yscale="log", xlabel="labels", ylabel=f"mean absolute error ({target['unit']})", title=name
        )
        axes.legend(fontsize=8)
        figure.savefig(folder / f"{name}.png", dpi=120)
        plt.close(figure)


if __name__ == "__main__":
    main()
