"""``epitaxy campaign create`` and ``add``: a pool goes to the server, and is made ready there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.campaign.options import (
    AcquisitionName,
    AcquisitionOption,
    BatchOption,
    CampaignRequestIdOption,
    CostColumnOption,
    GroupColumnOption,
    KnownOption,
    NameArgument,
    ObjectiveOption,
    PoolConditionOption,
    PoolOption,
    SeedOption,
    StartName,
    StartOption,
    UnitsOption,
    WhereOption,
)
from epitaxy.cli.campaign.preparing import wait_for_pool
from epitaxy.cli.campaign.text import campaign_document, print_campaign, print_report
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.data.progress import show_rows
from epitaxy.cli.finetune.create import telling_reason
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    InputStructureColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    inventory_of,
    material_column_of,
)
from epitaxy.cli.terminal import print_object, stderr_console, usage_error
from epitaxy.cli.wording import split_names
from epitaxy.client import Campaign, PoolReport, ResultReport
from epitaxy.client.campaigns.goals import objectives_of
from epitaxy.client.campaigns.pool import is_uri
from epitaxy.client.inputs.columns import Columns

_SHOWN_OUTCOMES = 5


def create(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="Name of the campaign (allowed characters: a-z, 0-9, ., _, -)."),
    ],
    pool: PoolOption,
    objectives: ObjectiveOption,
    units: UnitsOption,
    where: WhereOption = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="FILE", help="Labels that exist already, with ids or structures.")
    ] = None,
    column: Annotated[
        str,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Column of the first objective's values in --labels.",
            show_default="the column that is named as the property",
        ),
    ] = "",
    cost_column: CostColumnOption = "",
    group_column: GroupColumnOption = "",
    known_columns: KnownOption = None,
    batch: BatchOption = 5,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="Most candidates in all.", show_default="no limit")
    ] = None,
    budget_is_cost: Annotated[
        bool, typer.Option("--budget-is-cost", help="The budget is in the unit of the costs.")
    ] = False,
    seed: SeedOption = 0,
    start: StartOption = StartName.AUTO,
    acquisition: AcquisitionOption = AcquisitionName.AUTO,
    with_elements: Annotated[
        list[str] | None, typer.Option("--with", metavar="SYMBOL,...", help="Elements that may occur.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="SYMBOL,...", help="Elements that may not occur.")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option("--domain", metavar="VERDICT,...", help="Domain verdicts that may be chosen.", show_default="all"),
    ] = None,
    review: Annotated[
        list[str] | None,
        typer.Option("--review", metavar="VERDICT,...", help="Review verdicts that may be chosen.", show_default="all"),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            min=0,
            help="Smallest improvement that matters, in the first objective's unit.",
            show_default="a tenth of the spread of the results",
        ),
    ] = None,
    lease_hours: Annotated[
        float | None,
        typer.Option("--lease-hours", min=0.001, help="How long a ticket is good.", show_default="two weeks"),
    ] = None,
    base_model: Annotated[
        str, typer.Option("--base-model", metavar="NAME", help="Substrate.", show_default="the server's default")
    ] = "",
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    conditions: PoolConditionOption = None,
    id_column: InputIdColumnOption = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the pool is ready.")] = False,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Create a campaign from a pool of candidates.

    The server featurizes the pool once; this command returns when the pool is ready. A broken structure has its reason,
    and the rest goes on. A pool holds crystals, molecules, polymers or compositions. With --condition one material
    under two conditions is two candidates, and a ticket says at which to measure. If the command was interrupted,
    repeat it with the same --request-id.

    Exit code 0 if the pool is ready (with --no-wait: sent), 1 if it cannot be used, 2 for a mistake in the command
    line, 3 if some labels were refused.
    """
    goals = objectives_of(objectives, units)
    materials = material_column_of(smiles, polymers, compositions, elements) or structure_column
    candidates = _pool_of(pool, Columns.of(materials, id_column, ()))
    with connect(context, target) as client, telling_reason():
        with show_rows(stderr_console(), "sending candidates", None) as report:
            _, sent = client.campaigns.create(
                name,
                candidates,
                goals,
                where=where or (),
                batch=batch,
                budget=budget,
                budget_is_cost=budget_is_cost,
                seed=seed,
                start=start.value,
                acquisition=acquisition.value,
                base_model=base_model,
                structure_column=materials,
                conditions=conditions or (),
                id_column=id_column,
                cost_column=cost_column,
                group_column=group_column,
                known_columns=split_names(known_columns),
                allowed_elements=split_names(with_elements),
                excluded_elements=split_names(without),
                domain=split_names(domain),
                review=split_names(review),
                margin=margin,
                lease_seconds=None if lease_hours is None else 3600 * lease_hours,
                request_id=request_id,
                on_progress=report.at,
            )
        print_sent(sent)
        told = None
        if labels is not None:
            columns = {goals[0].property: column} if column else {}
            told = client.campaigns.report_results(
                name,
                labels,
                columns=columns,
                structure_column=materials,
                conditions=conditions or (),
                id_column=id_column,
                request_id=f"{request_id}/labels" if request_id else "",
            )
        campaign = client.campaigns.get(name) if no_wait else wait_for_pool(client, name)
    raise typer.Exit(_print_made(campaign, told, as_json=as_json))


def add(
    context: typer.Context,
    name: NameArgument,
    data: Annotated[
        list[str],
        typer.Option(
            "--data", metavar="FILE", help="Candidates: a table, folder or archive, or - for JSON Lines from a pipe."
        ),
    ],
    cost_column: CostColumnOption = "",
    group_column: GroupColumnOption = "",
    known_columns: KnownOption = None,
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    conditions: PoolConditionOption = None,
    id_column: InputIdColumnOption = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the pool is ready.")] = False,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Add candidates to a campaign's pool."""
    materials = material_column_of(smiles, polymers, compositions, elements) or structure_column
    candidates = _pool_of(data, Columns.of(materials, id_column, ()))
    if is_uri(candidates):
        raise usage_error("candidates that are added go through this command: give a file, not an address")
    with connect(context, target) as client, telling_reason():
        with show_rows(stderr_console(), "sending candidates", None) as report:
            sent = client.campaigns.add(
                name,
                candidates,
                structure_column=materials,
                conditions=conditions or (),
                id_column=id_column,
                cost_column=cost_column,
                group_column=group_column,
                known_columns=split_names(known_columns),
                request_id=request_id,
                on_progress=report.at,
            )
        print_sent(sent)
        campaign = client.campaigns.get(name) if no_wait else wait_for_pool(client, name)
    raise typer.Exit(_print_made(campaign, None, as_json=as_json))


def print_sent(sent: PoolReport) -> None:
    """Prints how many candidates were sent, and the first that were not taken with why."""
    if not sent.n_sent:
        return
    console = stderr_console()
    console.print(f"sent      {sent.n_sent} candidates")
    for outcome in sent.outcomes[:_SHOWN_OUTCOMES]:
        console.print(f"          {outcome.id}: {outcome.error.reason}: {outcome.error.message}", soft_wrap=True)
    if len(sent.outcomes) > _SHOWN_OUTCOMES:
        console.print(f"          and {len(sent.outcomes) - _SHOWN_OUTCOMES} more copies or refused candidates")


def _pool_of(paths: Sequence[str], columns: Columns) -> Any:
    """The files, or the one address that the server reads."""
    addresses = [path for path in paths if is_uri(path)]
    if not addresses:
        return inventory_of([Path(path) for path in paths], columns=columns)
    if len(paths) > 1:
        raise usage_error("the server reads one address: give it alone")
    return addresses[0]


def _print_made(campaign: Campaign, told: ResultReport | None, *, as_json: bool) -> int:
    if told is not None and not as_json:
        print_report(told)
    if as_json:
        print_object(campaign_document(campaign))
    else:
        print_campaign(campaign)
    return exit_codes.SOME_REFUSED if told is not None and told.refused else exit_codes.ALL_ANSWERED
