"""``epitaxy limits``: what your tenant may use, and uses."""

import dataclasses

import typer
from rich.table import Table

from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.terminal import print_object, stdout_console
from epitaxy.client import AccountLimits, FineTuneUsage, PredictionUsage


def limits(context: typer.Context, as_json: OneObjectOption = False, target: TargetOption = None) -> None:
    """Show your limits.

    Shows what your tenant may use and uses now, and what your key may do and when it ends.
    """
    with connect(context, target) as client:
        found = client.limits()
    if as_json:
        print_object(_document(found))
    else:
        stdout_console().print(_table(found))


def _document(found: AccountLimits) -> dict[str, object]:
    document = dataclasses.asdict(found)
    ends = found.key.expires_at
    document["key"]["expires_at"] = None if ends is None else ends.isoformat()
    return document


def _table(found: AccountLimits) -> Table:
    table = Table("what", "used", "limit", box=None)
    table.add_row("tenant", found.tenant, "")
    table.add_row("key", found.key.id or "none needed", _end(found))
    table.add_row("scopes", ", ".join(found.key.scopes), "")
    _add_prediction(table, found.prediction)
    if found.finetune is None:
        table.add_row("fine-tuning", "not available", "")
    else:
        _add_finetune(table, found.finetune)
    return table


def _end(found: AccountLimits) -> str:
    ends = found.key.expires_at
    return "does not end" if ends is None else f"ends {ends:%Y-%m-%d %H:%M} UTC"


def _add_prediction(table: Table, use: PredictionUsage) -> None:
    table.add_row("open screens", str(use.open_screens), str(use.max_open_screens))
    if use.structures_per_minute is None or use.structures_left is None:
        table.add_row("structures a minute", "", "none of your own")
    else:
        used = use.structures_per_minute - use.structures_left
        table.add_row("structures a minute", f"{used:,}", f"{use.structures_per_minute:,}")
    table.add_row("structures in a message", "", f"{use.max_structures_per_message:,}")
    table.add_row("structures in a call", "", f"{use.max_structures_per_predict:,}")
    table.add_row("explanations in a call", "", f"{use.max_structures_per_explain:,}")
    table.add_row("bytes of a message", "", f"{use.max_message_bytes:,}")
    table.add_row("weight beside other tenants", "", f"{use.weight:g}")
    table.add_row("cache", "", "your own" if use.has_own_cache else "shared")


def _add_finetune(table: Table, use: FineTuneUsage) -> None:
    table.add_row("jobs that have not ended", str(use.active_jobs), str(use.max_active_jobs))
    table.add_row("stored versions of models", f"{use.stored_models:,}", f"{use.max_stored_models:,}")
    table.add_row("labels of a job", "", f"{use.max_labels_per_job:,}")
    table.add_row("measurements", f"{use.measurements:,}", f"{use.max_measurements:,}")
