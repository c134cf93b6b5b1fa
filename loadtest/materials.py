"""Errors and intervals of jobs on the shared sets of molecules, polymers and compositions, beside those of rivals.

Run as ``python -m loadtest.materials --data ../shared/data --work DIR [--target NAME ...] [--draws 5] [--sizes 100]``;
run it again to resume. Each draw holds out a third of the canonical keys, 400 rows at most, and learns from 25, 100 and
250 rows of the others; ``--by publication`` holds out publications. ``default`` is what a job of these labels would
promote: all its competitors, the stack and the judge. To measure more draws in the same time, strategies are compared
on one repeat of the folds, where a job takes three, and what serves is fitted once, where a job averages five fits.
Targets of classes (a label above or below a threshold, or a phase) are measured by AUC, Brier score and calibration
error instead; ``job`` is what a whole fine-tuning job serves. ``--report`` prints the tables of
docs/materials-figures.md from what has been measured.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loadtest.material_classes import measure_classes
from loadtest.material_jobs import DEFAULT, PROCESS, STATISTICS, TREES, Pool, measure
from loadtest.material_pools import TARGETS, Rows64, draws, read_rows

_LOG = logging.getLogger(__name__)
SIZES = (25, 100, 250)
_SHOWN = (TREES, STATISTICS, PROCESS, "block_gp", "full_forest", DEFAULT)
_WHICH = ("target", "draw", "size")
_KEYS, _PUBLICATIONS = "key", "publication"


def run(options: argparse.Namespace) -> None:
    """Measures what has not been measured yet."""
    record = options.work / "materials.jsonl"
    options.work.mkdir(parents=True, exist_ok=True)
    done = {(e["target"], e["by"], e["draw"], e["size"]) for e in _read(record)}
    for name in options.target or TARGETS:
        wanted = [(name, options.by, draw, size) for size in options.sizes for draw in range(options.draws)]
        if all(entry in done for entry in wanted):
            continue
        pool = Pool(TARGETS[name], *read_rows(TARGETS[name], options.data))
        for size, draw, train, test in _draws(pool, options):
            if (name, options.by, draw, size) in done:
                continue
            start = time.process_time()
            if pool.target.is_one is None:
                found = measure(pool, train, test, draw, options.repeats)
            else:
                found = measure_classes(pool, train, test)
            entry = {"target": name, "by": options.by, "draw": draw, "size": size, "repeats": options.repeats, **found}
            entry["seconds"] = round(time.process_time() - start, 1)
            with record.open("a") as file:
                file.write(json.dumps(entry) + "\n")
            _LOG.info("%s %d %d %s", name, draw, size, _brief(entry))


def _draws(pool: Pool, options: argparse.Namespace) -> Iterator[tuple[int, int, Rows64, Rows64]]:
    """Size, draw, training rows and test rows: all draws of a size before those of the next."""
    keys = pool.rows.publications if options.by == _PUBLICATIONS else pool.rows.formulas
    for wanted in options.sizes if keys else ():
        for draw in range(options.draws):
            yield from ((size, draw, train, test) for size, train, test in draws(keys, draw, (wanted,)))


def _brief(entry: dict[str, Any]) -> str:
    if "auc" in entry:
        return " ".join(f"{name} {auc:.3f}" for name, auc in entry["auc"].items()) + f"; {entry['seconds']} s"
    errors = " ".join(f"{name} {entry['errors'][name]:.4g}" for name in _SHOWN if name in entry["errors"])
    return f"{errors}; {entry['chosen']}, {entry['coverage']:.2f} covered, {entry['seconds']} s"


def report(record: Path) -> str:
    """Medians over the draws: errors, the default against its rivals, coverage, verdicts; of classes scores."""
    entries = _read(record)
    numbers = [
        {k: v for k, v in e.items() if k not in ("errors", "shares")} | e["errors"] for e in entries if "errors" in e
    ]
    aucs, briers = ([{k: e[k] for k in _WHICH} | e[score] for e in entries if score in e] for score in ("auc", "brier"))
    held = [{k: e[k] for k in (*_WHICH, "calibration_error", "by_chance")} for e in entries if "auc" in e]
    scores = {"AUC": aucs, "Brier score": briers, "Calibration error of the job": held}
    tables = [_errors(numbers)] if numbers else []
    return "\n\n".join([*tables, *(f"{title}\n{_scores(rows)}" for title, rows in scores.items() if rows)])


def _errors(rows: Sequence[dict[str, Any]]) -> str:
    table = pd.DataFrame(rows)
    columns = [name for name in _SHOWN if name in table]
    gains = ("default against the better rival", "the same, mean over draws")
    head = ["target", "labels", "draws", *columns, *gains, "covered", "HURTS promoted"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for (target, by, size), own in table.groupby(["target", "by", "size"], sort=False):
        medians = own[columns].median()
        rival = min((TREES, PROCESS), key=lambda name: medians[name])
        by_draw = np.exp(np.log(own[DEFAULT] / own[rival]).mean())
        cells = [_shown(value) for value in medians]
        name = target if by == _KEYS else f"{target}, by {by}"
        told = [f"{ratio - 1:+.1%}" for ratio in (medians[DEFAULT] / medians[rival], by_draw)]
        n_hurts = int((own["verdict"] == "HURTS").sum())
        row = [name, size, len(own), *cells, *told, f"{own['coverage'].mean():.1%}", n_hurts]
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def _scores(rows: Sequence[dict[str, Any]]) -> str:
    table = pd.DataFrame(rows)
    columns = [str(column) for column in table if column not in _WHICH]
    medians = table.groupby(["target", "size"])[columns].median()
    lines = [f"| target | {' | '.join(columns)} |", "|" + "---|" * (len(columns) + 1)]
    for target in table["target"].unique():
        cells = [" / ".join(map(_shown, medians.loc[target, column])) for column in columns]
        lines.append(f"| {target} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"


def _read(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def main() -> None:
    """Measures or reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder of the record, by which a run is resumed")
    parser.add_argument("--target", nargs="*", choices=sorted(TARGETS))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--by", choices=(_KEYS, _PUBLICATIONS), default=_KEYS, help="what a draw holds out")
    parser.add_argument("--repeats", type=int, default=1, help="repeats of the folds; a job takes 3")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if not options.report:
        run(options)
    print(report(options.work / "materials.jsonl"))


if __name__ == "__main__":
    main()
