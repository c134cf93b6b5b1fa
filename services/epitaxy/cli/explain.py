"""``epitaxy explain``: which atoms, elements, neighbours, bonds and conditions a prediction rests on."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.conditions import AtOption, ConditionOption, ConditionPlan
from epitaxy.cli.connecting import JsonOption, ModelOption, TargetOption, connect
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    InputStructureColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    inventory_of,
    material_column_of,
    split_inputs,
)
from epitaxy.cli.terminal import print_json_line, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.client import Explanation
from epitaxy.client.explanations.material_page import largest_parts, part_name
from epitaxy.client.inputs.columns import Columns

# Each takes a second or more: more of them are a mistake, or a job for a script.
_MAX_STRUCTURES = 64
_SHOWN_SHELLS = 6
_HINT = "the first explanation after a pause starts a process for it, which takes half a minute or more"


def explain(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A file or folder of a few structures; or a formula or SMILES as text."),
    ],
    property_name: Annotated[
        str | None,
        typer.Option(
            "--property", metavar="NAME", help="Property to explain.", show_default="the model's first property"
        ),
    ] = None,
    model: ModelOption = None,
    n_nearest: Annotated[
        int, typer.Option("--nearest", min=1, max=20, help="Number of similar known materials to list.")
    ] = 5,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", dir_okay=False, help="Write an HTML page for a single structure."),
    ] = None,
    conditions: ConditionOption = None,
    at: AtOption = None,
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    element_list: ElementColumnsOption = None,
    id_column: InputIdColumnOption = None,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show what a prediction rests on.

    Prints the contributions of elements and of shells of neighbours; of a molecule or polymer those of atoms and bonds,
    compared with the hydrocarbon of the same skeleton; of a composition those of elements, compared with an average
    composition; and those of conditions. Names the most similar known materials, and says whether the explanation
    passes its faithfulness test.

    Exit code 0 if all structures were explained, 3 if some were refused.
    """
    plan = ConditionPlan.of(conditions, at)
    material = material_column_of(smiles, polymers, compositions, element_list)
    columns = Columns.of(material or structure_column, id_column)
    files, items = split_inputs([path])
    inventory = None if items else inventory_of(files, columns=columns)
    n_structures = len(items) if inventory is None else inventory.count()
    if n_structures > _MAX_STRUCTURES:
        raise usage_error(f"{path} holds {n_structures} structures: at most {_MAX_STRUCTURES} are allowed")
    if html is not None and n_structures != 1:
        raise usage_error(f"--html needs exactly one structure, but {path} holds {n_structures}")
    text = f"explaining {n_structures} structure{'s' if n_structures != 1 else ''}"
    with connect(context, target) as client, show_waiting(text, _HINT):
        # The shared models read no conditions: only a model that is named may have some.
        if model is not None or plan != ConditionPlan():
            under = plan.columns_for(client.get_model(model))
            inventory = inventory and replace(inventory, columns=replace(columns, conditions=under))
        explanations = client.explain(
            items if inventory is None else inventory,
            property_name,
            model,
            n_nearest=n_nearest,
            conditions=plan.values,
        )
    for explanation in explanations:
        if as_json:
            print_json_line(explanation)
        else:
            _print(explanation)
    is_complete = all(explanation.error is None for explanation in explanations)
    if html is not None and is_complete:
        html.write_text(explanations[0].to_html(), encoding="utf-8")
        stderr_console().print(f"wrote {html}", soft_wrap=True)
    raise typer.Exit(exit_codes.ALL_ANSWERED if is_complete else exit_codes.SOME_REFUSED)


def _print(explanation: Explanation) -> None:
    console = stdout_console()
    if explanation.error is not None:
        console.print(explanation.in_words(), soft_wrap=True)
        return
    console.print(
        f"{explanation.id}  {explanation.formula}  {explanation.property_name} {explanation.value:.3f} "
        f"{explanation.unit} (baseline {explanation.baseline:.3f}: {_baseline(explanation)})",
        soft_wrap=True,
        markup=False,
    )
    console.print(_contributions(explanation))
    if explanation.nearest:
        console.print(_nearest(explanation))
    if explanation.faithfulness is not None:
        console.print(explanation.faithfulness.in_words(), soft_wrap=True)
    if explanation.method:
        error = f", standard error at most {explanation.sampling_error:.2g}" if explanation.sampling_error else ""
        console.print(f"{explanation.method}{error}", soft_wrap=True)


def _baseline(explanation: Explanation) -> str:
    if explanation.is_crystal:
        return "the same sites, filled with average atoms"
    return f"{explanation.baseline_material}, {explanation.baseline_description}"


def _contributions(explanation: Explanation) -> Table:
    table = Table("", "number", box=None)
    table.add_column(f"contribution, {explanation.unit}", justify="right")
    table.add_column("std", justify="right")
    for element in explanation.elements:
        number = f"{100 * element.fraction:.3g} at. %" if element.fraction else f"{element.n_sites} atoms"
        table.add_row(element.element, number, f"{element.value:+.3f}", f"{element.std:.3f}")
    for part in largest_parts(explanation):
        name = escape(f"  {part_name(explanation, part)}")
        table.add_row(name, "", f"{part.value:+.3f}", f"{part.std:.3f}")
    for shell in explanation.shells[:_SHOWN_SHELLS]:
        number = f"{shell.coordination:.3g} neighbours"
        table.add_row(f"  {shell.label}", number, f"{shell.value:+.3f}", f"{shell.std:.3f}")
    for condition in explanation.conditions:
        table.add_row(escape(condition.label), "condition", f"{condition.value:+.3f}", f"{condition.std:.3f}")
    return table


def _nearest(explanation: Explanation) -> Table:
    table = Table("most similar", "formula", box=None)
    for name in ("space group", "distance", explanation.property_name):
        table.add_column(name, justify="right")
    for material in explanation.nearest:
        known = material.labels.get(explanation.property_name)
        value = "" if known is None else f"{known:.3f}"
        group = str(material.space_group or "")
        table.add_row(material.id, material.formula, group, f"{material.distance:.2f}", value)
    return table
