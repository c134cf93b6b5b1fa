"""A soak in words: what was asked and answered, what died, what grew."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.report import replaced
from loadtest.soak.run import Outcome

_MOST_ROWS = 14
# Of each kind; the JSON has more.
_MOST_NOTES = 3


def record_of(outcome: Outcome, machine: Mapping[str, Any], seed: int) -> dict[str, Any]:
    return {
        "record": dict(machine),
        "seed": seed,
        "passed": outcome.passes,
        "minutes": round(outcome.seconds / 60, 1),
        "stack_survived": outcome.survived,
        "unfinished": list(outcome.unfinished),
        "work": {account.kind: account.as_record() for account in outcome.accounts},
        "blows": [blow.as_record() for blow in outcome.blows],
        "growth": [growth.as_record() for growth in outcome.growths],
    }


def markdown(report: Mapping[str, Any]) -> str:
    """Tables of one run."""
    record = report["record"]
    lines = [
        f"{'Passed' if report['passed'] else '**Failed**'}: {report['minutes']} minutes, seed {report['seed']}, commit "
        f"{record['commit']}, {record['measured_at']}; {record['machine']}, load {record['load_before']} before.",
        "",
        "| work of two tenants | asked | answered | lost | doubled | wrong | worst, of tolerance | calls made again |",
        "|---|---|---|---|---|---|---|---|",
        *(_work_row(kind, found) for kind, found in report["work"].items()),
        "",
        "| part | killed | stopped for a while |",
        "|---|---|---|",
        *_blow_rows(report["blows"]),
        "",
        "| what could grow | looked at, minutes | level | grown | most |",
        "|---|---|---|---|---|",
        *(_growth_row(entry) for entry in _telling(report["growth"])),
        "",
    ]
    if not report["stack_survived"]:
        lines.append("The stack did not survive.")
    lines += [f"Did not end: {name}." for name in report["unfinished"]]
    notes = [f"- {kind}: {note}" for kind, found in report["work"].items() for note in found["notes"][:_MOST_NOTES]]
    return "\n".join([*lines, *notes, ""]) if notes else "\n".join(lines)


def write(report: Mapping[str, Any], vitals: Mapping[str, Any], folder: Path) -> None:
    """``soak.json``, ``soak.md``, and every look at every process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "vitals.json").write_text(json.dumps(vitals) + "\n")
    (folder / "soak.md").write_text(markdown(report))


def write_docs(report: Mapping[str, Any], root: Path) -> None:
    page = root / "docs/soak.md"
    page.write_text(replaced(page.read_text(), "soak", markdown(report)))


def _work_row(kind: str, found: Mapping[str, Any]) -> str:
    repeats = ", ".join(f"{number} {reason}" for reason, number in sorted(found["repeats"].items()))
    counts = [f"{found[name]:,}" for name in ("asked", "answered", "lost", "doubled", "wrong")]
    worst = f"{found['worst_share_of_tolerance']:.2f}"
    return f"| {' | '.join([kind, *counts, worst, repeats or 'none'])} |"


def _blow_rows(blows: Sequence[Mapping[str, Any]]) -> list[str]:
    counts = Counter((blow["part"], blow["how"]) for blow in blows)
    parts = sorted({blow["part"] for blow in blows})
    return [f"| {part} | {counts[part, 'kill']} | {counts[part, 'stop']} |" for part in parts]


def _telling(growths: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that grew most of what they may."""
    return sorted(growths, key=lambda entry: entry["grown"] / entry["most"], reverse=True)[:_MOST_ROWS]


def _growth_row(entry: Mapping[str, Any]) -> str:
    unit = entry["unit"]
    level, grown, most = (f"{entry[name]:.1f} {unit}" for name in ("level", "grown", "most"))
    mark = "" if entry["is_flat"] else " **not flat**"
    return f"| {entry['name']} | {entry['minutes']} | {level} | {grown}{mark} | {most} |"
