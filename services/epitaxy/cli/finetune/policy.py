"""``epitaxy finetune policy`` and ``log``: what a model's answers must meet, and who decided what."""

import dataclasses
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.finetune.text import print_object
from epitaxy.cli.terminal import stdout_console, usage_error
from epitaxy.cli.wording import split_names
from epitaxy.client import AuditEntry, ReviewPolicy
from epitaxy.client.inputs.elements import ATOMIC_NUMBERS, SYMBOLS

_OUTCOMES = ("accept", "review", "reject")


def policy(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, as given to create.")],
    max_width: Annotated[
        float | None, typer.Option("--max-width", help="Widest interval, in the property's unit; wider: review.")
    ] = None,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99, help="At which widths are judged.")] = 0.9,
    max_domain_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Beyond this domain score: review.")
    ] = None,
    out_of_domain: Annotated[str, typer.Option(help="Answers out of domain: accept, review or reject.")] = "review",
    forbid: Annotated[
        list[str] | None, typer.Option("--forbid", metavar="Pb,...", help="Elements: answers with them are rejected.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept on record.")] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Set what the answers of a model must meet to pass unseen; replaces the policy as a whole.

    It holds for all versions, within seconds and without a restart. `models show TENANT/MODEL` prints it.
    """
    if out_of_domain.lower() not in _OUTCOMES:
        raise usage_error(f"--out-of-domain takes {', '.join(_OUTCOMES)}, not {out_of_domain!r}")
    elements = tuple(_number(symbol) for symbol in split_names(forbid))
    with connect(context, target) as client:
        latest = next(iter(client.finetune_jobs(model)), None) if max_width is not None else None
        if max_width is not None and latest is None:
            raise usage_error(f"no job made a model named {model!r}: list the jobs to see yours")
        widths = {latest.property_name: max_width} if latest is not None and max_width is not None else {}
        wanted = ReviewPolicy(widths, coverage, max_domain_score, out_of_domain.upper(), elements)
        kept = client.set_review_policy(model, wanted, reason)
    if as_json:
        print_object(dataclasses.asdict(kept))
    else:
        stdout_console().print(f"{model}: {policy_text(kept)}", soft_wrap=True)


def log(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Of one model only.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Entries to print.")] = 50,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show the audit log: who promoted, rolled back, changed or deleted what, the latest first."""
    with connect(context, target) as client:
        entries = [entry for entry, _ in zip(client.audit_log(model), range(limit), strict=False)]
    if as_json:
        for entry in entries:
            print_object(dataclasses.asdict(entry) | {"create_time": entry.create_time.isoformat()})
    else:
        stdout_console().print(_table(entries))


def policy_text(kept: ReviewPolicy) -> str:
    """A policy in one line."""
    parts = [
        f"{name} intervals wider than {width:g} at {100 * kept.interval_coverage:g} % to review"
        for name, width in sorted(kept.max_interval_width.items())
    ]
    if kept.max_domain_score is not None:
        parts.append(f"domain scores above {kept.max_domain_score:g} to review")
    outcomes = {"ACCEPT": "accepted", "REVIEW": "to review", "REJECT": "rejected"}
    parts.append(f"out of domain {outcomes.get(kept.out_of_domain, kept.out_of_domain)}")
    if kept.forbidden_elements:
        parts.append(f"{', '.join(SYMBOLS[number] for number in kept.forbidden_elements)} rejected")
    return "; ".join(parts)


def _number(symbol: str) -> int:
    number = ATOMIC_NUMBERS.get(symbol)
    if number is None:
        raise usage_error(f"--forbid: {symbol!r} is no element")
    return number


def _table(entries: list[AuditEntry]) -> Table:
    table = Table("at (UTC)", "action", "model", "version", "digest", "reason", "request", box=None)
    for entry in entries:
        digest = entry.digest.removeprefix("sha256:")[:12]
        when = entry.create_time.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, entry.action, entry.model, entry.version, digest, entry.reason, entry.request_id)
    return table
