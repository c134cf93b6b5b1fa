"""Campaigns on finished data sets against their goals, and what a round costs; run again to resume.

What is found is kept by pool, strategy and seed in the work folder; a change of the package or of the features starts
anew. The seeds of the report are 0 to 4; nothing was chosen on them.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from epitaxy_models import campaigns
from epitaxy_models.campaigns import History
from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.simulation import Found, head_order, replay, summarize
from loadtest.bench.report import replaced
from loadtest.campaign_pools import POOLS, CampaignPool
from loadtest.campaign_rounds import million, seconds_a_round, synthetic_pool
from loadtest.machine import machine_record

_BATCH, _BUDGET, _AT = 5, 100, (50, 100)
_STRATEGIES = {"default": AcquisitionName.AUTO, "random": AcquisitionName.RANDOM}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--work", type=Path, default=Path("scratch/campaigns"), help="features and results")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pools", nargs="*", default=[], help="all by default")
    parser.add_argument("--million", type=int, default=1_000_000, help="candidates of the large pool; 0: none")
    parser.add_argument("--write-docs", action="store_true", help="figures into docs/campaigns.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(limits=1):
        rows = [
            measured(pool, options.data, options.work, options.seeds)
            for pool in POOLS
            if not options.pools or pool.name in options.pools
        ]
        rounds = timings(options.work, options.million)
    report = {"record": machine_record(), "seeds": options.seeds, "pools": rows, "rounds": rounds}
    (options.work / "campaigns.json").write_text(json.dumps(report, indent=1) + "\n")
    text = markdown(report)
    print(text)
    if options.write_docs:
        document = Path("docs/campaigns.md")
        document.write_text(replaced(document.read_text(), "campaigns", text))


def measured(pool: CampaignPool, data: Path, work: Path, seeds: int) -> dict[str, Any]:
    """Recall and hypervolume of one pool by strategy, means and the least over the seeds."""
    history = pool.history(data, work)
    content = _content(history)
    found: dict[str, Any] = {"name": pool.name, "candidates": history.pool.n_candidates, "goals": _goals(pool)}
    for strategy, name in _STRATEGIES.items():
        orders = [_order(work, pool, history, content, strategy, name, seed) for seed in range(seeds)]
        found[strategy] = _figures([summarize(history, [order], _AT, _BUDGET) for order in orders])
    order = head_order(history)
    found["head"] = None if order is None else _figures([summarize(history, [order[:_BUDGET]], _AT, _BUDGET)])
    print(json.dumps(found), flush=True)
    return found


def _order(
    work: Path, pool: CampaignPool, history: History, content: str, strategy: str, name: AcquisitionName, seed: int
) -> np.ndarray:
    kept = work / "runs" / f"{pool.name}-{strategy}-{seed}-{content}.npy"
    if kept.exists():
        return np.asarray(np.load(kept))
    order = replay(history, name, seed, _BATCH, _BUDGET)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.save(kept, order)
    return order


def _content(history: History) -> str:
    """Of the features, the labels and the package's code."""
    digest = blake2b(digest_size=8)
    for block in history.pool.blocks.values():
        digest.update(np.asarray(block[:]).tobytes())
    for name in sorted(history.values):
        digest.update(history.values[name].tobytes())
    for path in sorted(Path(campaigns.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _goals(pool: CampaignPool) -> dict[str, Any]:
    return {"recall": pool.goals.recall, "hypervolume": pool.goals.hypervolume, "peer": pool.goals.peer}


def _figures(found: Sequence[Found]) -> dict[str, Any]:
    figures: dict[str, Any] = {"labels_to_first": float(np.mean([entry.labels_to_first for entry in found]))}
    for n in _AT:
        recalls = [entry.recall[n] for entry in found]
        figures[f"recall_{n}"], figures[f"least_{n}"] = float(np.mean(recalls)), float(np.min(recalls))
        if found[0].hypervolume:
            figures[f"hypervolume_{n}"] = float(np.mean([entry.hypervolume[n] for entry in found]))
    return figures


def timings(work: Path, n_large: int) -> dict[str, Any]:
    """Rounds over 2,000 candidates, and one over a large pool."""
    small = work / "synthetic-2000"
    seconds = seconds_a_round(synthetic_pool(small, 2000), 6)
    # The first fits all hyper-parameters from the beginning, as a restart without its state would.
    found: dict[str, Any] = {"first": seconds[0], "median": float(np.median(seconds[1:])), "most": max(seconds[1:])}
    if n_large:
        found["large"] = dict(million(work, n_large))
    return found


def markdown(report: Mapping[str, Any]) -> str:
    """The tables of docs/campaigns.md."""
    record, rounds = report["record"], report["rounds"]
    lines = [
        f"Measured on {record['machine']}, commit {record['commit']}; {report['seeds']} seeds, batches of {_BATCH}.",
        "",
        "| pool | candidates | head ranking | random | default, 50 / 100 labels | least of the seeds | goal | met |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(entry) for entry in report["pools"]),
        "",
        "| round | processor seconds | peak memory |",
        "|---|---|---|",
        f"| 2,000 candidates, 100 labels: median, most | {rounds['median']:.2f}, {rounds['most']:.2f} | |",
        f"| the same, first model of a process | {rounds['first']:.2f} | |",
    ]
    large = rounds.get("large")
    if large:
        name = f"{large['candidates']:,.0f} synthetic candidates in files, 100 labels"
        lines.append(f"| {name} | {large['processor_seconds']:.0f} | {large['peak_gib']:.1f} GiB |")
    return "\n".join([*lines, ""])


def _row(entry: Mapping[str, Any]) -> str:
    figure = "hypervolume" if entry["goals"]["hypervolume"] else "recall"
    goals = {int(n): goal for n, goal in entry["goals"][figure].items()}

    def pair(found: Mapping[str, Any] | None) -> str:
        return "none" if found is None else " / ".join(f"{found[f'{figure}_{n}']:.2f}" for n in _AT)

    least = " / ".join(f"{entry['default'][f'least_{n}']:.2f}" for n in _AT) if figure == "recall" else ""
    wanted = ", ".join(f"{goal:.2f} at {n}" for n, goal in goals.items())
    is_met = all(entry["default"][f"{figure}_{n}"] >= goal - 1e-9 for n, goal in goals.items())
    cells = [
        entry["name"],
        f"{entry['candidates']:,}",
        pair(entry["head"]),
        pair(entry["random"]),
        f"**{pair(entry['default'])}**",
        least,
        wanted,
        "yes" if is_met else "no",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
