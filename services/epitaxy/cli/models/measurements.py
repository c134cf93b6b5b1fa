"""``epitaxy measurements``: reports to the server what was measured after it was predicted."""

import time
from typing import Annotated, Any

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import KnownColumnOption, ModelOption, TargetOption, connect
from epitaxy.cli.finetune.options import OneObjectOption, StructureColumnOption
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.models.health import health_document
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console
from epitaxy.cli.wording import split_names
from epitaxy.client import MeasurementReport

measurements_app = typer.Typer(
    name="measurements", help="Report measured values to compare models with them.", no_args_is_help=True
)

MeasuredConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="NAME[=COLUMN[:UNIT]]",
        help="Column of a condition under which the values were measured; may be repeated.",
    ),
]
_SECONDS_A_LINE = 2.0
_SHOWN_REFUSALS = 10


@measurements_app.callback()
def measurements() -> None:
    """Report measured values to compare models with them."""


@measurements_app.command()
def report(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Option(
            "--data", metavar="PATH", help="Parquet, CSV or JSONL table, or a folder with a table and CIF files."
        ),
    ],
    column: Annotated[str, typer.Option("--column", metavar="NAME", help="Column of the measured values.")],
    unit: Annotated[str, typer.Option("--unit", help="Unit of the values; must be the property's own unit.")],
    model: ModelOption = None,
    property_name: Annotated[
        str,
        typer.Option(
            "--property", metavar="NAME", help="Property that was measured.", show_default="the model's first property"
        ),
    ] = "",
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id-column",
            metavar="NAME",
            help="Column of row ids; each id must be unique.",
            show_default="a column such as id or material_id, or a data frame's index",
        ),
    ] = None,
    structure_column: StructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    known_columns: KnownColumnOption = None,
    conditions: MeasuredConditionOption = None,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Report measured values, to check the model's intervals.

    The server then says whether the intervals still cover the measured values as often as they should. The command is
    safe to repeat: the server counts each row id once, so if a report is interrupted, run it again.

    Exit code 0 if all rows were recorded, 3 if some were refused.
    """
    with connect(context, target) as client:
        made = client.report_measurements(
            data,
            unit=unit,
            value=column,
            model=model,
            property=property_name,
            id=id_column,
            structure=material_column_of(smiles, polymers, compositions, elements) or structure_column,
            known=split_names(known_columns),
            conditions=conditions or (),
            on_progress=_ProgressLines().tell,
        )
    _print_outcomes(made)
    if as_json:
        print_object(_document(made))
    elif made.health is not None:
        stdout_console().print(made.health.in_words(), soft_wrap=True)
    raise typer.Exit(exit_codes.SOME_REFUSED if made.refused else exit_codes.ALL_ANSWERED)


class _ProgressLines:
    """Prints at most one line to stderr every two seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def tell(self, n_done: int, n_rows: int) -> None:
        """Takes the number of rows that are done."""
        if (now := time.monotonic()) - self._told >= _SECONDS_A_LINE:
            self._told = now
            stderr_console().print(f"reported {n_done} of {n_rows}")


def _print_outcomes(made: MeasurementReport) -> None:
    console = stderr_console()
    if made.model:
        console.print(f"model     {made.model}:{made.version}", soft_wrap=True)
    console.print(f"recorded  {len(made.recorded)} ({_n_repeats(made)} known before)")
    console.print(f"refused   {len(made.refused)}")
    for result in made.refused[:_SHOWN_REFUSALS]:
        if result.error is not None:
            console.print(f"  {result.id}: {result.error.reason}: {result.error.message}", soft_wrap=True)
    if len(made.refused) > _SHOWN_REFUSALS:
        console.print(f"  and {len(made.refused) - _SHOWN_REFUSALS} more; use --json for all of them")


def _document(made: MeasurementReport) -> dict[str, Any]:
    refused = [
        {"id": result.id, "reason": result.error.reason, "message": result.error.message}
        for result in made.refused
        if result.error is not None
    ]
    return {
        "model": made.model or None,
        "version": made.version or None,
        "n_recorded": len(made.recorded),
        "n_repeats": _n_repeats(made),
        "refused": refused,
        "health": health_document(made.health) if made.health else None,
    }


def _n_repeats(made: MeasurementReport) -> int:
    return sum(result.is_repeat for result in made.results)
