"""A polymer's glass transition from 50 measurements: learn, then check on polymers that the model has not seen.

The table is yours: repeat units as SMILES with two ``*``, and a column of glass transitions in K. Start a server with
``epitaxy serve``, then::

    python examples/polymer_glass_transition.py --data tg.parquet --polymer-column smiles --column tg_K
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from epitaxy.client import Client, polymer, polymer_column

SHARED = Path("../shared/data/poly_tg_exp.parquet")


def read_table(path: Path, polymers: str, column: str) -> pd.DataFrame:
    """Rows with a repeat unit and a value."""
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    return table.dropna(subset=[polymers, column]).reset_index(drop=True)


def keys_of(client: Client, texts: Sequence[str]) -> list[str]:
    """What identifies each polymer, however it was written; empty for one that the server refuses."""
    reports = list(client.validate([polymer(text) for text in texts]))
    refused = [report for report in reports if report.error is not None]
    for report in refused[:3]:
        print(f"left out: {texts[report.index]}: {report.error.message if report.error else ''}")
    return [report.key for report in reports]


def split(client: Client, table: pd.DataFrame, polymers: str, n_labels: int, seed: int) -> list[pd.DataFrame]:
    """Labels to learn from and rows to check on; a polymer under two spellings never is on both sides."""
    table = table.sample(min(len(table), 4 * n_labels), random_state=seed).reset_index(drop=True)
    keyed = table.assign(_key=keys_of(client, table[polymers].tolist()))
    keyed = keyed[keyed["_key"] != ""].drop_duplicates("_key")
    return [part.drop(columns="_key") for part in (keyed.head(n_labels), keyed.iloc[n_labels:])]


def run(client: Client, options: argparse.Namespace) -> None:
    """Learns from a part of the table and checks on the rest."""
    table = read_table(options.data, options.polymer_column, options.column)
    labels, unseen = split(client, table, options.polymer_column, options.labels, options.seed)
    print(f"{len(labels)} polymers to learn from, {len(unseen)} to check on")
    where = polymer_column(options.polymer_column)
    job = client.finetune(
        labels,
        column=options.column,
        unit="K",
        name=options.name or f"polymer-tg-{time.strftime('%Y%m%d-%H%M%S')}",
        structure_column=where,
        strategies=options.strategy or (),
        seed=options.seed,
    )
    result = job.wait()
    print(job.report()["verdict"]["sentence"])
    # A new version is a candidate: it serves under its own name when somebody promotes it.
    model = f"{result.served_as}@candidate"
    found = client.screen(unseen, model=model, structure_column=where).to_pandas()
    measured = unseen[options.column].to_numpy()
    error = (found["value"] - measured).abs()
    inside = (found["lower"] <= measured) & (measured <= found["upper"])
    constant = abs(measured - labels[options.column].median()).mean()
    print(
        f"mean absolute error on {len(unseen)} unseen polymers: {error.mean():.0f} K; of the median: {constant:.0f} K"
    )
    print(f"90 % intervals cover {inside.mean():.0%} of them")
    strange = found[found["domain_verdict"] != "IN_DOMAIN"]
    print(f"{len(strange)} of them are unlike what the substrate or the labels cover")
    worst = error.idxmax()
    text = unseen[options.polymer_column].iloc[worst]
    print(f"farthest off: {text}, {found['value'][worst]:.0f} K for {measured[worst]:.0f} K")


def main() -> None:
    """Reads options and runs the example."""
    parser = argparse.ArgumentParser(description="Learns a polymer's glass transition from a few measurements.")
    parser.add_argument("--target", help="HOST:PORT (default: EPITAXY_TARGET, else 127.0.0.1:50051)")
    parser.add_argument("--data", type=Path, default=SHARED, help="your table (.parquet or .csv)")
    parser.add_argument("--polymer-column", default="smiles", help="column of the repeat units")
    parser.add_argument("--column", default="tg_K", help="column of the glass transitions, K")
    parser.add_argument("--labels", type=int, default=50, help="polymers to learn from")
    parser.add_argument("--strategy", action="append", help="strategy to compare; may be repeated (default: all)")
    parser.add_argument("--name", help="name of the model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"there is no {options.data}: give --data with your own table of repeat units and glass transitions")
    with Client(options.target) as client:
        run(client, options)


if __name__ == "__main__":
    main()
