"""The first worker's journal: JSON lines that it appends and the driver follows."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from epitaxy_models.training.report import EpochReport, StepReport

_SECONDS_A_STEP_LINE = 5.0
_SECONDS_A_LOOK = 0.2

Listener = Callable[[Mapping[str, Any]], None]


class JournalWriter:
    """Appends events; one line is one write, so that a killed writer leaves whole lines except for the last one."""

    def __init__(self, path: Path) -> None:
        self._path, self._told = path, time.monotonic()

    def on_start(self, pids: list[int], epoch: int, epochs: int) -> None:
        """The workers' process ids by rank, the epochs that the checkpoint holds, and those of the whole run."""
        # A writer that was killed may have left half a line.
        self._append({"event": "started", "pids": pids, "epoch": epoch, "epochs": epochs}, before=b"\n")

    def on_step(self, report: StepReport) -> None:
        """Writes a line every few seconds, with the pace and the seconds left."""
        if time.monotonic() - self._told < _SECONDS_A_STEP_LINE:
            return
        self._told = time.monotonic()
        pace = {"structures_per_second": report.structures_per_second, "seconds_left": report.seconds_left}
        self._append({"event": "step"} | asdict(report) | pace)

    def on_epoch(self, report: EpochReport) -> None:
        """Writes one line per epoch."""
        self._append({"event": "epoch"} | report.as_record())

    def _append(self, event: dict[str, Any], before: bytes = b"") -> None:
        with self._path.open("ab") as file:
            file.write(before + json.dumps(event).encode() + b"\n")


class JournalFollower:
    """Hands each new line of a journal to a listener, on a thread of its own, until it is stopped."""

    def __init__(self, path: Path, listener: Listener) -> None:
        self._path, self._listener = path, listener
        self._offset = path.stat().st_size if path.exists() else 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="journal", daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> "JournalFollower":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure and kind is None:
            raise self._failure

    def _follow(self) -> None:
        try:
            while not self._stop.wait(_SECONDS_A_LOOK):
                self._hand_over()
            self._hand_over()
        except Exception as failure:  # raised again where the thread is joined
            self._failure = failure

    def _hand_over(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().split(b"\n")
        # The last piece is empty, or a line that is still being written.
        for line in lines[:-1]:
            self._offset += len(line) + 1
            # Half a line of a killed worker is skipped: its epoch runs again.
            if (event := _event_of(line)) is not None:
                self._listener(event)


def epoch_reports(path: Path) -> list[EpochReport]:
    """Every epoch of a journal once; of an epoch that was repeated after a loss, the last run."""
    reports = {}
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        event = _event_of(line)
        if event and event["event"] == "epoch":
            report = report_of(event)
            reports[report.epoch] = report
    return [reports[epoch] for epoch in sorted(reports)]


def report_of(event: Mapping[str, Any]) -> EpochReport:
    """The report that an epoch's line was written from."""
    return EpochReport(**{key: value for key, value in event.items() if key != "event"})


def _event_of(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
