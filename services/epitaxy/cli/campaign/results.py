"""``epitaxy campaign report`` and ``correct``: what became of samples."""

from collections.abc import Sequence

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.campaign.options import (
    CampaignRequestIdOption,
    NameArgument,
    OneUnitOption,
    PoolConditionOption,
    ResultsOption,
    ValueColumnOption,
)
from epitaxy.cli.campaign.text import number_text, print_report, report_document
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.create import telling_reason
from epitaxy.cli.finetune.options import OneObjectOption, StructureColumnOption
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.terminal import print_object, stderr_console
from epitaxy.client import Client, ResultReport


def report(
    context: typer.Context,
    name: NameArgument,
    data: ResultsOption,
    columns: ValueColumnOption = None,
    unit: OneUnitOption = "",
    structure_column: StructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    conditions: PoolConditionOption = None,
    id_column: InputIdColumnOption = None,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Report what was measured and what failed.

    The status of a row is measured (the default), failed (it could not be made or measured: the campaign learns from
    that) or abandoned (nobody tried). Rows without values and status are left out: they are not measured yet. Samples
    that nobody recommended are taken in. The command is safe to repeat: a result counts once.

    Exit code 0 if all results were taken, 3 if some were refused; each has its reason.
    """
    with connect(context, target) as client, telling_reason():
        made = client.campaigns.report_results(
            name,
            data,
            columns=_columns_of(client, name, columns),
            unit=unit,
            structure_column=material_column_of(smiles, polymers, compositions, elements) or structure_column,
            conditions=conditions or (),
            id_column=id_column,
            request_id=request_id,
        )
    _finish(made, as_json=as_json)


def correct(
    context: typer.Context,
    name: NameArgument,
    data: ResultsOption,
    columns: ValueColumnOption = None,
    unit: OneUnitOption = "",
    id_column: InputIdColumnOption = None,
    request_id: CampaignRequestIdOption = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Correct or retract results that were reported.

    The table is that of report. The status retracted takes a result back, and a column reason says why. The log keeps
    both.

    Exit code 0 if all corrections were taken, 3 if some were refused.
    """
    with connect(context, target) as client, telling_reason():
        made = client.campaigns.correct(
            name,
            data,
            columns=_columns_of(client, name, columns),
            unit=unit,
            id_column=id_column,
            request_id=request_id,
        )
    _finish(made, as_json=as_json)


def _columns_of(client: Client, name: str, options: Sequence[str] | None) -> dict[str, str]:
    """Column by property; a column without a property is the first objective's."""
    named = {}
    for option in options or ():
        found, equals, column = option.partition("=")
        property_name = found if equals else client.campaigns.get(name).objectives[0].property
        named[property_name] = column if equals else found
    return named


def _finish(made: ResultReport, *, as_json: bool) -> None:
    if as_json:
        print_object(report_document(made))
    else:
        print_report(made)
        if made.campaign is not None and made.campaign.best:
            best = made.campaign.best[0]
            values = ", ".join(f"{name} {number_text(value)}" for name, value in best.values.items())
            stderr_console().print(f"best      {best.id} {best.formula}  {values}", soft_wrap=True)
    raise typer.Exit(exit_codes.SOME_REFUSED if made.refused else exit_codes.ALL_ANSWERED)
