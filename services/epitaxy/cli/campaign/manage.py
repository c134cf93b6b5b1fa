"""``epitaxy campaign``: where campaigns stand, and what stops, changes and ends them."""

import csv
import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.campaign.options import (
    CampaignRequestIdOption,
    NameArgument,
    ObjectiveOption,
    UnitsOption,
    WhereOption,
)
from epitaxy.cli.campaign.text import campaign_document, campaigns_table, print_campaign
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.create import telling_reason
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console, usage_error
from epitaxy.client import Campaign, CampaignNews
from epitaxy.tables.ids import id_column_of


def list_campaigns(context: typer.Context, as_json: OneObjectOption = False, target: TargetOption = None) -> None:
    """List campaigns, the latest first."""
    with connect(context, target) as client:
        campaigns = list(client.campaigns.list())
    if as_json:
        print_object({"campaigns": [campaign_document(campaign) for campaign in campaigns]})
    else:
        stdout_console().print(campaigns_table(campaigns))


def status(
    context: typer.Context, name: NameArgument, as_json: OneObjectOption = False, target: TargetOption = None
) -> None:
    """Show where a campaign stands.

    Prints the best so far, the outlook, and whether to go on. The expected value of the best is the model's after all
    results, which noise and luck move less than a single reading.

    With --json, the object holds best, labels, expected_gain, chance_better_left, advice, coverage and more.
    """
    with connect(context, target) as client:
        _print(client.campaigns.get(name), as_json=as_json)


def watch(
    context: typer.Context,
    name: NameArgument,
    after: Annotated[int, typer.Option("--after", min=0, help="Leave out events up to this number.")] = 0,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=0.1, help="Stop after this time.", show_default="until it is closed"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False,
    target: TargetOption = None,
) -> None:
    """Print what happens in a campaign.

    Prints what happened so far, then what happens, until the campaign is closed.
    """
    limit = float("inf") if seconds is None else seconds
    with connect(context, target) as client, telling_reason():
        try:
            for news in client.campaigns.watch(name, after, limit):
                _print_news(news, as_json=as_json)
        except KeyboardInterrupt:
            raise typer.Exit(exit_codes.INTERRUPTED) from None


def release(
    context: typer.Context,
    name: NameArgument,
    tickets: Annotated[
        list[str] | None, typer.Option("--ticket", help="Ticket to give back; may be repeated.", show_default="all")
    ] = None,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Give back tickets that will not be measured."""
    with connect(context, target) as client, telling_reason():
        done = client.campaigns.release(name, tickets or (), request_id=request_id)
    if as_json:
        print_object(dataclasses.asdict(done))
        return
    stdout_console().print(f"released  {len(done.released)}")
    for ticket in done.ignored:
        stdout_console().print(f"ignored   {ticket}: it is not known or was not pending", soft_wrap=True)


def pause(
    context: typer.Context,
    name: NameArgument,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Stop recommending; results are still taken in."""
    with connect(context, target) as client, telling_reason():
        _print(client.campaigns.pause(name, request_id=request_id), as_json=as_json)


def resume(
    context: typer.Context,
    name: NameArgument,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Go on after a pause."""
    with connect(context, target) as client, telling_reason():
        _print(client.campaigns.resume(name, request_id=request_id), as_json=as_json)


def close(
    context: typer.Context,
    name: NameArgument,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """End a campaign.

    Nothing is recommended or taken in any more. The record stays.
    """
    with connect(context, target) as client, telling_reason():
        _print(client.campaigns.close(name, request_id=request_id), as_json=as_json)


def delete(
    context: typer.Context,
    name: NameArgument,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Delete a campaign, its pool and its log. This cannot be undone."""
    with connect(context, target) as client, telling_reason():
        if not is_confirmed:
            _confirm(name, client.target)
        client.campaigns.delete(name, confirm=True)
    if as_json:
        print_object({"deleted": name})
    else:
        stdout_console().print(f"deleted {name}", soft_wrap=True)


def exclude(
    context: typer.Context,
    name: NameArgument,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE.csv", exists=True, dir_okay=False, help="Table with a column id."),
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Candidate; may be repeated.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let them be chosen again.")] = False,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Take candidates out of the choice.

    What was measured stays. With --undo, they may be chosen again.

    Exit code 3 if some ids are not in the pool.
    """
    named = [*(ids or ()), *(_ids_of(data) if data is not None else ())]
    if not named:
        raise usage_error("name candidates by --data or --id")
    with connect(context, target) as client, telling_reason():
        done = client.campaigns.exclude(name, named, reason=reason, undo=undo, request_id=request_id)
    if as_json:
        print_object({"unknown_ids": list(done.unknown_ids), **campaign_document(done.campaign)})
    else:
        for unknown in done.unknown_ids:
            stderr_console().print(f"unknown   {unknown}: it is not in the pool", soft_wrap=True)
        print_campaign(done.campaign)
    raise typer.Exit(exit_codes.SOME_REFUSED if done.unknown_ids else exit_codes.ALL_ANSWERED)


def objective(
    context: typer.Context,
    name: NameArgument,
    objectives: ObjectiveOption,
    units: UnitsOption,
    where: WhereOption = None,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Change what a campaign is after, from now on. The log says when."""
    with connect(context, target) as client, telling_reason():
        changed = client.campaigns.change_objectives(name, objectives, units, where=where or (), request_id=request_id)
        _print(changed, as_json=as_json)


def promote(
    context: typer.Context,
    name: NameArgument,
    property_name: Annotated[
        str, typer.Option("--property", metavar="NAME", help="Property to learn.", show_default="the first objective's")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="Name of the model.", show_default="the campaign's name")
    ] = "",
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Grow a model of your own from a campaign's results.

    Starts a fine-tune job: the model is calibrated and judged like any other, and serves once it is promoted.
    """
    with connect(context, target) as client, telling_reason():
        made = client.campaigns.promote(name, property=property_name, model_name=model, request_id=request_id)
    if as_json:
        print_object(dataclasses.asdict(made))
        return
    stdout_console().print(f"job {made.job_id}, model {made.model}", soft_wrap=True)
    stderr_console().print(f"to watch it: epitaxy finetune watch {made.job_id}", soft_wrap=True)


def _print(campaign: Campaign, *, as_json: bool) -> None:
    if as_json:
        print_object(campaign_document(campaign))
    else:
        print_campaign(campaign)


def _print_news(news: CampaignNews, *, as_json: bool) -> None:
    event, campaign = news.event, news.campaign
    if as_json:
        told = dataclasses.asdict(event) if event is not None else {}
        pool = dataclasses.asdict(campaign.pool) if campaign is not None else None
        print_object({**told, "state": campaign.state if campaign is not None else None, "pool": pool})
    elif event is not None:
        when = event.create_time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if event.create_time else ""
        stdout_console().print(f"{event.sequence:>5}  {when}  {event.kind}  {event.message}", soft_wrap=True)
    elif campaign is not None and campaign.is_preparing:
        pool_now = campaign.pool
        stderr_console().print(f"featurized {pool_now.n_ready} of {pool_now.n_candidates}")


def _ids_of(path: Path) -> list[str]:
    """The ids of a CSV table; a file without a header of ids is a list of them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    column = id_column_of(rows[0]) if rows else None
    if column is None:
        return [row[0].strip() for row in rows if row[0].strip()]
    place = rows[0].index(column)
    return [row[place].strip() for row in rows[1:] if len(row) > place and row[place].strip()]


def _confirm(name: str, server: str) -> None:
    """Asks for confirmation, and returns only if it is given."""
    if not sys.stdin.isatty():
        raise usage_error("delete asks for confirmation: pass --yes if there is no terminal")
    question = (
        f"This permanently deletes the campaign {name}, its pool and its log on {server}. Type its name to confirm"
    )
    if typer.prompt(question, default="", show_default=False, err=True).strip() != name:
        raise usage_error("nothing was deleted")
