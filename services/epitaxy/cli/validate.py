"""``epitaxy validate``: how the server reads structures, without predicting anything."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    InputStructureColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    inventory_of,
    material_column_of,
    print_reading,
    split_inputs,
)
from epitaxy.cli.refused.table_file import RefusedOption, check_refused_file, write_refused
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.client import IntakeReport, ItemError
from epitaxy.client.inputs.columns import Columns

_ROWS_A_TABLE = 512


def validate(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Files, folders, archives and tables; - reads JSONL; or formulas and SMILES as text.",
        ),
    ],
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    id_column: InputIdColumnOption = None,
    refused: RefusedOption = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Check how the server reads crystals and other materials.

    Prints the formula, number of sites or atoms, repairs, notes and refusal of each. Predicts nothing.

    Exit code 0 if all structures can be used, 3 if some are refused.
    """
    check_refused_file(refused)
    columns = Columns.of(material_column_of(smiles, polymers, compositions, elements) or structure_column, id_column)
    files, items = split_inputs(paths)
    inventory = None
    if not items:
        inventory = inventory_of(files, exclude=[refused] if refused is not None else (), columns=columns)
    elif refused is not None:
        raise usage_error("--refused copies rows of files: name a file of the materials")
    errors: dict[int, ItemError] = {}
    n_usable = 0
    with connect(context, target) as client, show_waiting("awaiting the server's reading") as has_answered:
        table = _table()
        for report in client.validate(items if inventory is None else inventory):
            has_answered.set()
            if report.error is not None:
                errors[report.index] = report.error
            n_usable += report.error is None
            if as_json:
                _print_report(report)
                continue
            table.add_row(*_cells(report))
            if table.row_count == _ROWS_A_TABLE:
                stdout_console().print(table)
                table = _table()
        if table.row_count:
            stdout_console().print(table)
    stderr_console().print(f"{n_usable} usable, {len(errors)} refused")
    if inventory is not None:
        print_reading(stderr_console(), inventory.n_ignored, inventory.ignored)
    if refused is not None and inventory is not None:
        n_refused = write_refused(refused, inventory, errors)
        stderr_console().print(f"wrote     {refused} ({n_refused} refused inputs)", soft_wrap=True)
    raise typer.Exit(exit_codes.SOME_REFUSED if errors else exit_codes.ALL_ANSWERED)


def _print_report(report: IntakeReport) -> None:
    document = dataclasses.asdict(report)
    document["refusal"] = document.pop("error")
    print_object(document)


def _table() -> Table:
    table = Table("id", "formula", box=None)
    table.add_column("sites", justify="right")
    table.add_column("repairs")
    table.add_column("notes")
    table.add_column("refusal", overflow="fold")
    return table


def _cells(report: IntakeReport) -> tuple[str, ...]:
    repairs = ", ".join(repair.code for repair in report.repairs)
    notes = ", ".join(note.code for note in report.notes)
    refusal = f"{report.error.reason}: {report.error.message}" if report.error else ""
    return report.id, report.formula, str(report.n_sites or ""), repairs, notes, refusal
