"""The comparison of two builds as a record and as a Markdown table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.bench.against.legs import HUNTS, RECALL, ROWS, TOLERANCE, Compared, Row
from loadtest.bench.report import replaced
from loadtest.spread import Spread

_MARK = "against"


def record_of(found: Compared, new: str, old: str) -> dict[str, Any]:
    """All figures, with the verdict on each row that something was promised of."""
    rows = (*ROWS, *(hunt.row for hunt in HUNTS))
    return {
        "builds": {"new": new, "old": old},
        "rows": [_row_record(found, row, new, old) for row in rows if row.name in found.rates],
        "equality": {
            "tolerance": TOLERANCE,
            "compared": found.compared,
            "worst_over_tolerance": round(found.worst, 4),
            "unequal": sorted(found.unequal)[:20],
            "n_unequal": len(found.unequal),
        },
        "idle_cores": Spread.of(found.idle_cores).as_record(),
        "hits_when_cold": found.hits_when_cold,
        "unanswered": found.unanswered,
    }


def markdown(report: Mapping[str, Any]) -> str:
    """The table of docs/performance.md."""
    record, equality, idle = report["record"], report["equality"], report["idle_cores"]
    versions = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    lines = [
        f"Commit {report['builds']['new']} against {report['builds']['old']}, {record['measured_at']}; "
        f"{record['machine']}; load {record['load_before']} before the run; {versions}.",
        f"{report['source']}; {report['rounds']} rounds of {report['structures_a_round']} structures. "
        f"{equality['compared']} answers were compared, {equality['n_unequal']} differ by more than "
        f"{equality['tolerance']:g}; the largest difference is {equality['worst_over_tolerance']:.2f} of that. "
        f"The stack that was not asked used {idle['median']:.2f} of a core.",
        "",
        "| structures/s, median (lowest to highest) | before | now | now over before | wanted | verdict "
        "| processor ms a structure: before, now |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in report["rows"]]
    return "\n".join([*lines, ""])


def write(report: Mapping[str, Any], folder: Path) -> None:
    """``against.json`` and ``against.md`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "against.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "against.md").write_text(markdown(report))


def write_docs(report: Mapping[str, Any], root: Path) -> None:
    """The table into docs/performance.md."""
    page = root / "docs/performance.md"
    page.write_text(replaced(page.read_text(), _MARK, markdown(report)))


def is_missed(report: Mapping[str, Any]) -> bool:
    """Whether a row stayed under what was promised."""
    return any(row["verdict"] == "missed" for row in report["rows"])


def _row_record(found: Compared, row: Row, new: str, old: str) -> dict[str, Any]:
    ratio, recall = found.ratio(row, new, old), found.recalls.get(row.name)
    is_met = row.wanted is None or (ratio.median >= row.wanted and (recall is None or recall >= RECALL))
    return {
        "name": row.name,
        "wanted": row.wanted,
        "ratio": ratio.as_record(),
        "recall": recall,
        "verdict": "" if row.wanted is None else "met" if is_met else "missed",
        "rates": {name: Spread.of(found.rates[row.name][name]).as_record() for name in (old, new)},
        "cpu_ms": {name: Spread.of(found.cpu[row.name][name]).as_record() for name in (old, new)},
    }


def _line(row: Mapping[str, Any]) -> str:
    before, now = (
        f"{one['median']:.0f} ({one['lowest']:.0f} to {one['highest']:.0f})" for one in row["rates"].values()
    )
    ratio, wanted = row["ratio"], "" if row["wanted"] is None else f"≥ {row['wanted']:g}"
    costs = " → ".join(f"{one['median']:.2f}" for one in row["cpu_ms"].values())
    name = row["name"] if row["recall"] is None else f"{row['name']}, recall {row['recall']:.3f}"
    return f"| {name} | {before} | {now} | {_shown(ratio, 2)} | {wanted} | {row['verdict']} | {costs} |"


def _shown(found: Mapping[str, float], digits: int) -> str:
    median, lowest, highest = (f"{found[name]:.{digits}f}" for name in ("median", "lowest", "highest"))
    return f"{median} ({lowest} to {highest})"
