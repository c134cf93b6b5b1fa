"""Yield strength of alloys of several principal elements, at a temperature: learn it, and ask for a curve.

The table is yours: formulas, yield strengths in MPa, and the conditions of the tests. One alloy may be there at several
temperatures. Start a server with ``epitaxy serve``, then::

    python examples/alloy_yield_strength.py --data alloys.parquet --alloy "Al0.5CoCrFeNi"
"""

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from epitaxy.client import Client, composition, composition_column

SHARED = Path("../shared/data/alloys_mpea.parquet")
CURVE_DEGC = (25, 200, 400, 600, 800, 1000)


def read_table(path: Path, options: argparse.Namespace) -> pd.DataFrame:
    """Rows with a composition, a value and a temperature; the processing may be unknown."""
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    needed = [options.composition_column, options.column, options.temperature]
    missing = [name for name in (*needed, options.route) if name not in table]
    if missing:
        sys.exit(f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    return table.dropna(subset=needed)[[*needed, options.route]].reset_index(drop=True)


def split(client: Client, table: pd.DataFrame, column: str, n_labels: int, seed: int) -> list[pd.DataFrame]:
    """Labels to learn from and rows to check on, by alloys: an alloy under two spellings never is on both sides."""
    texts = table[column].drop_duplicates()
    reports = client.validate([composition(text) for text in texts])
    table = table.assign(_key=table[column].map({text: r.key for text, r in zip(texts, reports, strict=True)}))
    table = table[table["_key"] != ""]
    order = table["_key"].drop_duplicates().sample(frac=1, random_state=seed)
    counts = table["_key"].value_counts()[order].cumsum()
    known = set(counts[counts <= n_labels].index)
    is_known = table["_key"].isin(known)
    return [table[mask].drop(columns="_key").reset_index(drop=True) for mask in (is_known, ~is_known)]


def run(client: Client, options: argparse.Namespace) -> None:
    """Learns from a part of the alloys, checks on others, and draws one alloy's curve."""
    table = read_table(options.data, options)
    labels, unseen = split(client, table, options.composition_column, options.labels, options.seed)
    unseen = unseen.head(4 * options.labels)
    print(f"{len(labels)} tests to learn from, {len(unseen)} of other alloys to check on")
    where = composition_column(options.composition_column)
    job = client.finetune(
        labels,
        column=options.column,
        unit="MPa",
        name=options.name or f"alloy-yield-{time.strftime('%Y%m%d-%H%M%S')}",
        structure_column=where,
        conditions=[f"{options.temperature}:degC", options.route],
        strategies=options.strategy or (),
        seed=options.seed,
    )
    result = job.wait()
    print(job.report()["verdict"]["sentence"])
    model = f"{result.served_as}@candidate"
    conditions = [options.temperature, options.route]
    found = client.screen(unseen, model=model, structure_column=where, conditions=conditions).to_pandas()
    measured = unseen[options.column].to_numpy()
    error = (found["value"] - measured).abs().mean()
    inside = ((found["lower"] <= measured) & (measured <= found["upper"])).mean()
    constant = abs(measured - labels[options.column].median()).mean()
    print(f"mean absolute error on unseen alloys: {error:.0f} MPa; of the median: {constant:.0f} MPa")
    print(f"90 % intervals cover {inside:.0%} of them")
    print(f"{options.alloy}, {options.at_route}:")
    asked = {options.temperature: list(CURVE_DEGC)}
    curve = client.predict(
        [composition(options.alloy)] * len(CURVE_DEGC),
        model=model,
        conditions=asked | {options.route: options.at_route},
    )
    for degrees, answer in zip(CURVE_DEGC, curve, strict=True):
        (value,) = answer.predictions
        print(f"{degrees:>6} degC  {value.value:5.0f} MPa, 90 %: {value.lower:.0f} to {value.upper:.0f}")


def main() -> None:
    """Reads options and runs the example."""
    parser = argparse.ArgumentParser(description="Learns the yield strength of alloys at temperature.")
    parser.add_argument("--target", help="HOST:PORT (default: EPITAXY_TARGET, else 127.0.0.1:50051)")
    parser.add_argument("--data", type=Path, default=SHARED, help="your table (.parquet or .csv)")
    parser.add_argument("--composition-column", default="composition", help="column of the formulas")
    parser.add_argument("--column", default="yield_strength_MPa", help="column of the yield strengths, MPa")
    parser.add_argument("--temperature", default="test_temperature_C", help="column of the test temperatures, degC")
    parser.add_argument("--route", default="processing", help="column of the processing routes")
    parser.add_argument("--labels", type=int, default=100, help="tests to learn from, at most")
    parser.add_argument("--alloy", default="Al0.5CoCrFeNi", help="alloy whose curve is asked for")
    parser.add_argument("--at-route", default="CAST", help="its processing route")
    parser.add_argument("--strategy", action="append", help="strategy to compare; may be repeated (default: all)")
    parser.add_argument("--name", help="name of the model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"there is no {options.data}: give --data with your own table of alloys")
    with Client(options.target) as client:
        run(client, options)


if __name__ == "__main__":
    main()
