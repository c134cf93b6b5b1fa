"""Faults in a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.report import replaced
from loadtest.faults.trial import Trial

# Of each trial and kind; the JSON has more.
_MOST_NOTES = 1


def record_of(trials: Sequence[Trial], machine: Mapping[str, Any], n_items: int) -> dict[str, Any]:
    return {"record": dict(machine), "items": n_items, "trials": [trial.as_record() for trial in trials]}


def markdown(report: Mapping[str, Any]) -> str:
    """One row a fault."""
    record, trials = report["record"], report["trials"]
    n_passed = sum(trial["passed"] for trial in trials)
    lines = [
        f"{n_passed} of {len(trials)} passed, {report['items']:,} structures each; commit {record['commit']}, "
        f"{record['measured_at']}; {record['machine']}, load {record['load_before']} before.",
        "",
        "| fault | strikes | lost | doubled | wrong | structures/s | longest silence, s | beside it |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(trial) for trial in trials),
        "",
    ]
    notes = [
        f"- {trial['fault']}, {kind}: {note}"
        for trial in trials
        for kind, found in trial["work"].items()
        for note in found["notes"][:_MOST_NOTES]
    ]
    return "\n".join([*lines, *notes, ""]) if notes else "\n".join(lines)


def in_words(trial: Mapping[str, Any]) -> str:
    """One line."""
    return f"{'passed' if trial['passed'] else 'FAILED'} {_row(trial).strip('| ')}"


def write(report: Mapping[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faults.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "faults.md").write_text(markdown(report))


def write_docs(report: Mapping[str, Any], root: Path) -> None:
    page = root / "docs/soak.md"
    page.write_text(replaced(page.read_text(), "faults", markdown(report)))


def _row(trial: Mapping[str, Any]) -> str:
    screens = trial["work"]["screens"]
    rate = screens["answered"] / max(trial["seconds"], 0.1)
    beside = [
        f"{kind}: {found['answered']} of {found['asked']}" + ("" if _is_whole(found) else " **not whole**")
        for kind, found in trial["work"].items()
        if kind != "screens"
    ]
    cells = [
        trial["fault"] if trial["survived"] else f"{trial['fault']} **the stack ended**",
        str(trial["strikes"]),
        *(f"{screens[name]:,}" for name in ("lost", "doubled", "wrong")),
        f"{rate:,.0f}",
        f"{trial['longest_silence_seconds']:.1f}",
        "; ".join(beside),
    ]
    return f"| {' | '.join(cells)} |"


def _is_whole(found: Mapping[str, Any]) -> bool:
    return not (found["lost"] or found["doubled"] or found["wrong"])
