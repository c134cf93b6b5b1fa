"""``epitaxy predict``: predictions for a few structures, printed."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.conditions import AtOption, ConditionOption, ConditionPlan
from epitaxy.cli.connecting import JsonOption, KnownColumnOption, ModelOption, TargetOption, connect
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
from epitaxy.cli.terminal import print_json_line, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.cli.wording import interval_text, split_names, value_text
from epitaxy.client import ScreenResult
from epitaxy.client.inputs.columns import Columns


def predict(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Files or folders; or formulas and SMILES as text. For many structures, use screen.",
        ),
    ],
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME,...", help="Properties to predict.", show_default="all"),
    ] = None,
    model: ModelOption = None,
    known_columns: KnownColumnOption = None,
    conditions: ConditionOption = None,
    at: AtOption = None,
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    id_column: InputIdColumnOption = None,
    refused: RefusedOption = None,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99, help="Nominal coverage of the intervals.")] = 0.9,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Predict the properties of a few structures.

    Exit code 0 if all structures were answered, 3 if some were refused.
    """
    check_refused_file(refused)
    known, plan = split_names(known_columns), ConditionPlan.of(conditions, at)
    material = material_column_of(smiles, polymers, compositions, elements)
    columns = Columns.of(material or structure_column, id_column, known)
    files, items = split_inputs(paths)
    inventory = None
    if not items:
        inventory = inventory_of(files, exclude=[refused] if refused is not None else (), columns=columns)
    elif refused is not None:
        raise usage_error("--refused copies rows of files: name a file of the materials")
    with connect(context, target) as client, show_waiting("awaiting predictions"):
        # The shared model reads no conditions: only a model that is named may have some.
        if model is not None or plan != ConditionPlan():
            under = plan.columns_for(client.get_model(model))
            inventory = inventory and replace(inventory, columns=replace(columns, conditions=under))
        results = client.predict(
            items if inventory is None else inventory,
            split_names(properties),
            model,
            coverage=coverage,
            known=known,
            conditions=plan.values,
        )
    if as_json:
        for result in results:
            print_json_line(result)
    else:
        stdout_console().print(_table(results))
    if inventory is not None:
        print_reading(stderr_console(), inventory.n_ignored, inventory.ignored)
    if refused is not None and inventory is not None:
        errors = {result.index: result.error for result in results if result.error is not None}
        n_refused = write_refused(refused, inventory, errors)
        stderr_console().print(f"wrote     {refused} ({n_refused} refused inputs)", soft_wrap=True)
    is_complete = all(result.error is None for result in results)
    raise typer.Exit(exit_codes.ALL_ANSWERED if is_complete else exit_codes.SOME_REFUSED)


def _table(results: list[ScreenResult]) -> Table:
    table = Table("id", "formula", "property", box=None)
    table.add_column("value", justify="right")
    for name in ("unit", "interval", "level of theory", "domain", "review", "cache hit"):
        table.add_column(name, overflow="fold")
    for result in results:
        _add_rows(table, result)
    return table


def _add_rows(table: Table, result: ScreenResult) -> None:
    if result.error is not None:
        table.add_row(result.id, result.formula, "", "", "", f"{result.error.reason}: {result.error.message}")
    for one in result.predictions:
        interval = interval_text(one.lower, one.upper)
        cells = (one.property, value_text(one.value), one.unit, interval, one.level_of_theory)
        judged = (result.domain_verdict, result.review.verdict, "yes" if result.cache_hit else "no")
        table.add_row(result.id, result.formula, *cells, *judged)
    for reason in result.review.reasons:
        table.add_row("", "", "", "", "", reason)
