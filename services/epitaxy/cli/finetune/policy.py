"""``epitaxy finetune policy`` and ``log``: a model's review policy, and the audit log of decisions."""

import dataclasses
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.terminal import print_object, stdout_console, usage_error
from epitaxy.cli.wording import split_names
from epitaxy.client import AuditEntry, ReviewPolicy
from epitaxy.client.inputs.elements import ATOMIC_NUMBERS, SYMBOLS

SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Leave out earlier entries (UTC, such as 2026-12-01).")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Leave out entries at or after this time.")
]
_OUTCOMES = ("accept", "review", "reject")


def policy(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model, as passed to create.")],
    max_width: Annotated[
        float | None,
        typer.Option("--max-width", help="Review answers with intervals wider than this, in the property's unit."),
    ] = None,
    coverage: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="Nominal coverage of the intervals for --max-width.")
    ] = 0.9,
    max_domain_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="Review answers with a domain score above this.")
    ] = None,
    out_of_domain: Annotated[
        str, typer.Option(help="Outcome for answers out of domain: accept, review or reject.")
    ] = "review",
    forbid: Annotated[
        list[str] | None,
        typer.Option("--forbid", metavar="Pb,...", help="Reject answers for structures with these elements."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Reason, for the audit log.")] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Set a model's review policy.

    The policy decides which answers are accepted, need review or are rejected. The options replace the old policy as a
    whole, for all versions of the model, within seconds. "epitaxy models show MODEL" prints the policy.
    """
    if out_of_domain.lower() not in _OUTCOMES:
        raise usage_error(f"--out-of-domain takes {', '.join(_OUTCOMES)}, not {out_of_domain!r}")
    elements = tuple(_number(symbol) for symbol in split_names(forbid))
    with connect(context, target) as client:
        latest = next(iter(client.finetune_jobs(model)), None) if max_width is not None else None
        if max_width is not None and latest is None:
            raise usage_error(f"there is no job for a model named {model!r}: see epitaxy finetune list")
        widths = {latest.property_name: max_width} if latest is not None and max_width is not None else {}
        wanted = ReviewPolicy(widths, coverage, max_domain_score, out_of_domain.upper(), elements)
        kept = client.set_review_policy(model, wanted, reason)
    if as_json:
        print_object(dataclasses.asdict(kept))
    else:
        stdout_console().print(f"{model}: {policy_text(kept)}", soft_wrap=True)


def log(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Show only the entries of this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of entries.")] = 50,
    since: SinceOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show the audit log, latest entries first.

    The log records every promotion, rollback, change of policy and deletion.
    """
    within = {"since": read_time("--since", since), "until": read_time("--until", until)}
    with connect(context, target) as client:
        entries = [entry for entry, _ in zip(client.audit_log(model, **within), range(limit), strict=False)]
    if as_json:
        for entry in entries:
            document = dataclasses.asdict(entry)
            print_object({"at": document.pop("create_time").isoformat(), **document})
    else:
        stdout_console().print(_table(entries))


def read_time(option: str, text: str | None) -> datetime | None:
    """A time such as 2026-12-01 or 2026-12-01T09:30+01:00; UTC without an offset. Raises BadParameter."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise usage_error(f"{option}: {text!r} is not a time such as 2026-12-01 or 2026-12-01T09:30") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def policy_text(kept: ReviewPolicy) -> str:
    """Describes a policy in one line."""
    parts = [
        f"review {name} intervals wider than {width:g} at {100 * kept.interval_coverage:g} % coverage"
        for name, width in sorted(kept.max_interval_width.items())
    ]
    if kept.max_domain_score is not None:
        parts.append(f"review domain scores above {kept.max_domain_score:g}")
    parts.append(f"{kept.out_of_domain.lower()} answers out of domain")
    if kept.forbidden_elements:
        parts.append(f"reject answers with {', '.join(SYMBOLS[number] for number in kept.forbidden_elements)}")
    return "; ".join(parts)


def _number(symbol: str) -> int:
    number = ATOMIC_NUMBERS.get(symbol)
    if number is None:
        raise usage_error(f"--forbid: {symbol!r} is not an element")
    return number


def _table(entries: list[AuditEntry]) -> Table:
    table = Table("at (UTC)", "action", "model", "version", "digest", "reason", "request", box=None)
    for entry in entries:
        digest = entry.digest.removeprefix("sha256:")[:12]
        when = entry.create_time.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(when, entry.action, entry.model, entry.version, digest, entry.reason, entry.request_id)
    return table
