"""What the terminal shows of a run: a bar a phase, then a table of thresholds. In a pipe, a line now and then."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from loadtest.scenario.outcome import Judgement, PhaseOutcome
from loadtest.scenario.run import Result

_SECONDS_A_LINE = 10.0
# Latencies of the last so many calls are shown while a phase runs.
_RECENT = 500


class Display:
    """A context manager; ``tell`` is called from the run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
        )
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._told = time.monotonic()

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def tell(self, outcome: PhaseOutcome, progress: float) -> None:
        text = _text_of(outcome, progress)
        if outcome.name not in self._tasks:
            self._tasks[outcome.name] = self._bars.add_task(outcome.name, total=1.0, text="")
        self._bars.update(self._tasks[outcome.name], completed=progress, text=text)
        is_due = progress >= 1.0 or time.monotonic() - self._told > _SECONDS_A_LINE
        if not self._console.is_terminal and is_due:
            self._told = time.monotonic()
            self._console.print(f"{outcome.name} {100 * progress:.0f} %  {text}", soft_wrap=True)


def print_result(console: Console, result: Result) -> None:
    table = Table("phase", "metric", "limit", "found", "verdict", box=None)
    for judgement in result.judgements:
        table.add_row(judgement.threshold.phase, judgement.threshold.metric, *_cells(judgement))
    console.print(table)
    for outcome in result.outcomes:
        errors = outcome.as_record()["errors"]
        if errors:
            console.print(f"{outcome.name}: calls that failed as a whole: {errors}")
    console.print(f"{result.scenario.name}: {'passed' if result.passes else 'FAILED'}")


def _cells(judgement: Judgement) -> tuple[str, str, str]:
    limits = judgement.threshold
    wanted = [f"≥ {limits.at_least:g}"] if limits.at_least is not None else []
    wanted += [f"≤ {limits.at_most:g}"] if limits.at_most is not None else []
    found = "nothing observed" if judgement.found is None else f"{judgement.found:.4g}"
    return ", ".join(wanted), found, judgement.as_record()["verdict"]


def _text_of(outcome: PhaseOutcome, progress: float) -> str:
    calls = outcome.calls[-_RECENT:]
    if not calls:
        return "no answer yet"
    waits = sorted(1e3 * call.latency for call in calls)
    failed = sum(call.failed for call in outcome.calls)
    seconds = max(call.done for call in calls)
    memory = f"  {outcome.memory[-1].by_role.total():.0f} MiB" if outcome.memory else ""
    median, high = waits[len(waits) // 2], waits[int(0.99 * (len(waits) - 1))]
    return (
        f"{outcome.answered} structures  {outcome.answered / max(seconds, 1e-9):.0f}/s  "
        f"p50 {median:.0f} ms  p99 {high:.0f} ms  {failed} failed{memory}"
    )
