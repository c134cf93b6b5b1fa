"""``epitaxy admin``: the audit log of all tenants, promotions for tenants, deletion of their data."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.finetune.policy import SinceOption, UntilOption, read_time
from epitaxy.cli.terminal import print_json_line, print_object, stderr_console, stdout_console, usage_error
from epitaxy.client import AuditRecord

admin_app = typer.Typer(
    name="admin", help='Administer all tenants, with a key that has the scope "admin".', no_args_is_help=True
)
TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Name of the tenant.")]


@admin_app.command("audit")
def export_audit(
    context: typer.Context,
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Export only the lines of one tenant.")] = "",
    since: SinceOption = None,
    until: UntilOption = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Leave out lines up to this sequence number.")] = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no line was changed or left out; exit code 1 otherwise.")
    ] = False,
    target: TargetOption = None,
) -> None:
    """Export the audit log of all tenants.

    Prints JSON Lines, the oldest entry first. Each line has sequence, at, tenant, action, model, version, digest,
    reason, request_id, key_id and chain. Fields may be added later; these keep their names and meaning.
    """
    if verify and (tenant or since or until):
        raise usage_error("--verify needs all lines: leave out --tenant, --since and --until")
    with connect(context, target) as client:
        records: Iterable[AuditRecord] = client.audit_records(
            tenant, since=read_time("--since", since), until=read_time("--until", until), after=after
        )
        for record in _verified(records, is_first=after == 0) if verify else records:
            print_object(_document(record))


def _verified(records: Iterable[AuditRecord], *, is_first: bool) -> Iterator[AuditRecord]:
    """The same lines; ends the command where one does not follow from the one before it."""
    chain: str | None = "" if is_first else None
    for record in records:
        if chain is not None and not record.follows(chain):
            sys.stdout.flush()
            stderr_console().print(
                f"epitaxy: line {record.sequence} does not follow from the one before it: the log was changed",
                soft_wrap=True,
            )
            raise typer.Exit(exit_codes.RUN_FAILED)
        chain = record.chain
        yield record


def _document(record: AuditRecord) -> dict[str, object]:
    entry = record.entry
    return {
        "sequence": record.sequence,
        "at": entry.create_time.isoformat(),
        "tenant": record.tenant,
        "action": entry.action,
        "model": entry.model,
        "version": entry.version,
        "digest": entry.digest,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "key_id": entry.key_id,
        "chain": record.chain,
    }


@admin_app.command("promote")
def promote(
    context: typer.Context,
    tenant: TenantArgument,
    model: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="Model (default version: the candidate).")],
    override: Annotated[str, typer.Option("--override", metavar="REASON", help="Promote in spite of objections.")] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Make a version of a tenant's model its champion."""
    name, _, version = model.partition(":")
    with connect(context, target) as client:
        change = client.promote_tenant_model(tenant, name, version, override)
    if as_json:
        print_json_line(change)
    else:
        stdout_console().print(f"{change.served_as} serves version {change.version}", soft_wrap=True)


@admin_app.command("delete-tenant")
def delete_tenant(
    context: typer.Context,
    tenant: TenantArgument,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Delete all data of a tenant.

    Deletes all jobs, labels, reports, models, measurements and campaigns. This cannot be undone.
    """
    with connect(context, target) as client:
        if not is_confirmed:
            _confirm(tenant, client.target)
        deleted = client.delete_tenant(tenant, confirm=True)
    if as_json:
        print_json_line(deleted)
    else:
        stdout_console().print(f"{tenant}: deleted {deleted.n_jobs} jobs and {deleted.n_models} models")


def _confirm(tenant: str, target: str) -> None:
    """Asks for the tenant's name, and returns only if it is given."""
    if not sys.stdin.isatty():
        raise usage_error("delete-tenant asks for confirmation: pass --yes if there is no terminal")
    question = f"This permanently deletes all data of {tenant} on {target}. Type {tenant!r} to confirm"
    if typer.prompt(question, default="", show_default=False, err=True).strip() != tenant:
        raise usage_error("nothing was deleted")
