"""Text and JSON for jobs and their results."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console
from epitaxy.client import FineTuneResult, JobEvent, JobStatus
from epitaxy.client.finetune.results import SuspiciousLabel

# What asks for a reason before a model is promoted.
_GROSS_KINDS = ("WILD", "WRONG_UNIT")


def job_document(status: JobStatus) -> dict[str, Any]:
    """Job as a JSON object; null stands for what is not known yet."""
    result, failure = status.result, status.failure
    return {
        "job_id": status.id,
        "state": status.state,
        "model": status.model,
        "version": result.model_version if result else None,
        "served_as": result.served_as if result else None,
        "digest": result.model_digest if result else None,
        "verdict": result.verdict if result else None,
        "strategy": result.strategy if result else None,
        "task": status.task,
        "cross_validated_mae": dict(result.cross_validated_mae) if result else {},
        "classification": dataclasses.asdict(result.classification) if result and result.classification else None,
        "best_simple": dataclasses.asdict(result.best_simple) if result and result.best_simple else None,
        "is_calibrated": result.is_calibrated if result else None,
        "is_constant": result.is_constant if result else None,
        "sentence": result.sentence if result else None,
        "suspicious": [dataclasses.asdict(entry) for entry in _suspicious(status)],
        "refit_of": status.refit_of or None,
        "succession": dataclasses.asdict(result.succession) if result and result.succession else None,
        "property": status.property_name,
        "unit": status.unit,
        "n_rows": status.n_rows,
        "n_labels": status.n_labels,
        "attempts": status.attempts,
        "created_at": _iso(status.create_time),
        "ended_at": _iso(status.end_time),
        "failure": {"reason": failure.reason, "message": failure.message} if failure else None,
    }


def print_event(event: JobEvent) -> None:
    """Prints an event as one line of JSON on stdout."""
    document = {"sequence": event.sequence, "time": _iso(event.create_time), "state": event.state}
    progress = dataclasses.asdict(event.progress)
    progress["seconds_left"] = progress.pop("remaining_seconds")
    print_object({**document, **progress})


def print_end(status: JobStatus, *, as_json: bool) -> int:
    """Prints how a job ended and what to do next. Returns the exit code, which is 0 if the job produced a model."""
    if as_json:
        print_object(job_document(status))
    result, failure = status.result, status.failure
    if result is None:
        why = f"{failure.reason}: {failure.message}" if failure else f"job {status.id} was {status.state.lower()}"
        stderr_console().print(f"epitaxy: {why}", soft_wrap=True)
        return exit_codes.RUN_FAILED
    if not as_json:
        _print_result(status, result)
    return exit_codes.ALL_ANSWERED


def print_status(status: JobStatus) -> None:
    """Prints a job as it is: what it made, why it made nothing, or how far it has come."""
    if status.result is not None:
        _print_result(status, status.result)
        return
    failure = status.failure
    told = f"{failure.reason}: {failure.message}" if failure else status.progress.message
    line = f"job {status.id} {status.state}  {100 * status.progress.fraction:.0f}%  {told}"
    stdout_console().print(line, soft_wrap=True, markup=False)


def jobs_table(jobs: Iterable[JobStatus]) -> Table:
    """Table of jobs with one row per job."""
    table = Table("job", "model", "state", "verdict", "strategy", box=None)
    table.add_column("MAE or Brier", justify="right")
    for name in ("unit", "labelled rows", "created"):
        table.add_column(name)
    for job in jobs:
        result = job.result
        made = (result.verdict, result.strategy, mae_text(result)) if result else ("", "", "")
        name = f"{job.model}:{result.model_version}" if result else job.model
        created = job.create_time.astimezone().strftime("%Y-%m-%d %H:%M") if job.create_time else ""
        table.add_row(job.id, name, job.state, *made, job.unit, str(job.n_labels), created)
    return table


def mae_text(result: FineTuneResult) -> str:
    """Formats the cross-validated error of the chosen strategy, of classes its Brier score."""
    score = result.scores.get(result.strategy)
    return "" if score is None else error_text(score)


def error_text(value: float | None, sign: str = "") -> str:
    """Formats an error with three significant digits, since units differ by orders of magnitude. Empty for None."""
    return "" if value is None else f"{value:{sign}.3g}"


def _print_result(status: JobStatus, result: FineTuneResult) -> None:
    calibrated = "calibrated" if result.is_calibrated else "NOT calibrated"
    head = f"{status.model}:{result.model_version}  {status.property_name}, {status.n_labels} labelled rows"
    stdout_console().print(f"{head}: transfer {result.verdict}, best strategy {result.strategy}, {calibrated}")
    stdout_console().print(_scores(status, result))
    if result.sentence:
        stdout_console().print(result.sentence, soft_wrap=True)
    if result.succession is not None:
        stdout_console().print(result.succession.sentence, soft_wrap=True)
    is_gross = any(entry.kind in _GROSS_KINDS for entry in result.suspicious)
    is_doubtful = result.verdict == "HURTS" or not result.is_calibrated or result.is_constant or is_gross
    override = " --override REASON" if is_doubtful else ""
    console = stderr_console()
    version = f"{status.model}:{result.model_version}"
    console.print(f"report    epitaxy finetune report {version} --open", soft_wrap=True)
    console.print(f"screen    epitaxy screen FILES --out TABLE --model {version}", soft_wrap=True)
    console.print(f"promote   epitaxy finetune promote {version}{override}", soft_wrap=True)


def _scores(status: JobStatus, result: FineTuneResult) -> Table:
    """Errors of all strategies; of classes Brier scores and AUCs."""
    quality = result.classification
    table = Table("strategy", box=None)
    table.add_column("Brier score" if quality else f"cross-validated MAE, {status.unit}", justify="right")
    if quality:
        table.add_column("AUC", justify="right")
    table.add_column("")
    for name, score in result.scores.items():
        aucs = (f"{quality.cross_validated_auc[name]:.3f}",) if quality else ()
        table.add_row(name, error_text(score), *aucs, "chosen" if name == result.strategy else "")
    return table


def _suspicious(status: JobStatus) -> Sequence[SuspiciousLabel]:
    if status.result is not None:
        return status.result.suspicious
    return status.failure.suspicious if status.failure else ()


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
