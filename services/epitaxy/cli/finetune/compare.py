"""``epitaxy finetune compare``: two models on the labels that both were judged on."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.finetune.text import error_text
from epitaxy.cli.terminal import print_object, stdout_console
from epitaxy.client import FineTuneJob, ModelComparison, compare_reports

_SENTENCES = {
    "FIRST": "{first} errs less, beyond noise",
    "SECOND": "{second} errs less, beyond noise",
    "NEITHER": "no difference beyond noise",
}


def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="Model (default: its latest version).")],
    second: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="Model to compare with it.")],
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Compare two models on the labels that both were judged on.

    Both errors come from predictions out of fold, as the reports keep them. Only rows with the same id, formula and
    label count, paired row by row.

    Exit code 2 if the label sets share too little.
    """
    with connect(context, target) as client:
        jobs = [client.finetune_job(name, with_model=True) for name in (first, second)]
        found = compare_reports(jobs[0].report(), jobs[1].report())
    names = [f"{job.status.model}:{job.result.model_version}" for job in jobs]
    if as_json:
        document = {"first": names[0], "second": names[1], "verdict": found.verdict, **dataclasses.asdict(found)}
        print_object(document)
        return
    stdout_console().print(_table(names, jobs, found))
    interval = f"{error_text(found.low, '+')} to {error_text(found.high, '+')}"
    sentence = _SENTENCES[found.verdict].format(first=names[0], second=names[1])
    stdout_console().print(
        f"difference {error_text(found.difference, '+')} {found.unit}, 95 % interval {interval}: {sentence}",
        soft_wrap=True,
    )


def _table(names: list[str], jobs: list[FineTuneJob], found: ModelComparison) -> Table:
    table = Table("model", "strategy", "labels", "shared", box=None)
    what = "Brier score on shared labels" if found.score == "brier" else f"MAE on shared labels, {found.unit}"
    table.add_column(what, justify="right")
    counts, errors = (found.n_first, found.n_second), (found.mae_first, found.mae_second)
    for name, job, count, error in zip(names, jobs, counts, errors, strict=True):
        table.add_row(name, job.result.strategy, str(count), str(found.n_shared), error_text(error))
    return table
