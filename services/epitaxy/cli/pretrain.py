"""``epitaxy pretrain``: train a substrate on labelled crystals, molecules or compositions."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.terminal import stderr_console, stdout_console
from epitaxy.cli.wording import duration_text

_SECONDS_A_LINE = 2.0


def pretrain(
    config: Annotated[
        Path,
        typer.Option(
            "--config", exists=True, dir_okay=False, help="YAML file, such as models/configs/pretrain-mp.yaml."
        ),
    ],
    publish: Annotated[
        Path | None,
        typer.Option(
            "--publish",
            file_okay=False,
            metavar="FOLDER",
            help="Calibrate, measure and write the substrate into FOLDER (molecules and compositions).",
        ),
    ] = None,
) -> None:
    """Pretrain an ensemble on Ray workers.

    Run the same command again to resume an interrupted run. A finished run trains nothing anew.

    Exit code 2 if the configuration or the data are wrong, 1 if workers were lost too often.
    """
    try:
        # Ray and torch take seconds to load, and a client's machine has neither.
        from epitaxy.pretraining.command import pretrain_command  # noqa: PLC0415
        from epitaxy.pretraining.errors import PretrainingFailedError  # noqa: PLC0415
        from epitaxy_models.errors import EpitaxyError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _exit_with(
            f"pretraining needs {error.name}: pip install 'epitaxy[training]'", exit_codes.RUN_FAILED
        ) from None
    try:
        run, outcome, card = pretrain_command(config, PretrainDisplay(), publish)
    except EpitaxyError as error:
        raise _exit_with(error.message, exit_codes.USAGE) from None
    except PretrainingFailedError as error:
        raise _exit_with(str(error), exit_codes.RUN_FAILED) from None
    units = {task.definition.name: task.definition.unit for task in run.training.tasks}
    for name, value in outcome.errors.items():
        stdout_console().print(f"{name}: validation MAE {value:.4f} {units[name]}")
    stdout_console().print(f"best epoch {outcome.best_epoch} of {outcome.epochs}: {outcome.checkpoint}", soft_wrap=True)
    for entry in card.properties if card else ():
        unit = "" if entry.definition.unit == "1" else f" {entry.definition.unit}"
        stdout_console().print(
            f"{entry.definition.name}: test MAE {entry.metrics['mae']:.4f}{unit}, {entry.measured_at:.0%} interval "
            f"covers {entry.measured_coverage:.1%} of {entry.n_measured}"
        )
    if card:
        stdout_console().print(f"published {card.name}:{card.version} to {publish}", soft_wrap=True)


class PretrainDisplay:
    """Prints progress to stderr: work done, errors, speed and time left."""

    def __init__(self) -> None:
        self._console = stderr_console()
        self._epochs, self._told, self._began = 0, 0.0, time.monotonic()

    def say(self, text: str) -> None:
        """Prints a line."""
        self._console.print(text, soft_wrap=True)

    def featurized(self, done: int, total: int) -> None:
        """Prints at most one line every two seconds, and the last."""
        now = time.monotonic()
        if now - self._told < _SECONDS_A_LINE and done < total:
            return
        self._told = now
        rate = done / max(now - self._began, 1e-9)
        self.say(f"featurized {done:,} of {total:,}, {rate:.0f}/s, {duration_text((total - done) / rate)} left")

    def show(self, event: Mapping[str, Any]) -> None:
        """Prints an event of the journal."""
        if event["event"] == "started":
            self._epochs = event["epochs"]
            pids = ", ".join(map(str, event["pids"]))
            self.say(f"workers started (pids {pids}) after epoch {event['epoch']} of {self._epochs}")
        elif event["event"] == "step":
            progress = f"{event['done']:,} of {event['total']:,}, {event['structures_per_second']:.0f} structures/s"
            left = duration_text(event["seconds_left"])
            self.say(f"epoch {event['epoch']}: {progress}, loss {event['loss']:.4f}, {left} left in the epoch")
        else:
            self._show_epoch(event)

    def _show_epoch(self, event: Mapping[str, Any]) -> None:
        errors = ", ".join(f"{name} {error:.4f}" for name, error in event["errors"].items())
        pace = f"{event['n_structures'] / max(event['seconds'], 1e-9):.0f} structures/s"
        left = duration_text((self._epochs - event["epoch"]) * event["seconds"])
        self.say(f"epoch {event['epoch']}/{self._epochs}: loss {event['loss']:.4f}, MAE {errors}, {pace}, {left} left")


def _exit_with(message: str, code: int) -> typer.Exit:
    stderr_console().print(f"epitaxy: {message}", soft_wrap=True)
    return typer.Exit(code)
