"""``epitaxy explain``: which atoms, elements and neighbours a prediction rests on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import JsonOption, ModelOption, TargetOption, connect
from epitaxy.cli.inputs import inventory_of
from epitaxy.cli.terminal import print_json_line, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.client import Explanation

# Each takes a second or more: more of them are a mistake, or a job for a script.
_MAX_STRUCTURES = 64
_SHOWN_SHELLS = 6
_HINT = "the first explanation after a pause starts a process for it, which takes half a minute or more"


def explain(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or folder of a few structures.")],
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
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show what a prediction rests on.

    Prints the contributions of elements and of shells of neighbours, the most similar known materials, and whether
    the explanation passes its faithfulness test.

    Exit code 0 if all structures were explained, 3 if some were refused.
    """
    inventory = inventory_of([path])
    n_structures = inventory.count()
    if n_structures > _MAX_STRUCTURES:
        raise usage_error(f"{path} holds {n_structures} structures: at most {_MAX_STRUCTURES} are allowed")
    if html is not None and n_structures != 1:
        raise usage_error(f"--html needs exactly one structure, but {path} holds {n_structures}")
    text = f"explaining {n_structures} structure{'s' if n_structures != 1 else ''}"
    with connect(context, target) as client, show_waiting(text, _HINT):
        explanations = client.explain(inventory, property_name, model, n_nearest=n_nearest)
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
        f"{explanation.unit} (baseline {explanation.baseline:.3f}: the same sites, filled with average atoms)",
        soft_wrap=True,
    )
    console.print(_contributions(explanation))
    console.print(_nearest(explanation))
    if explanation.faithfulness is not None:
        console.print(explanation.faithfulness.in_words(), soft_wrap=True)


def _contributions(explanation: Explanation) -> Table:
    table = Table("", "number", box=None)
    table.add_column(f"contribution, {explanation.unit}", justify="right")
    table.add_column("std", justify="right")
    for element in explanation.elements:
        table.add_row(element.element, f"{element.n_sites} atoms", f"{element.value:+.3f}", f"{element.std:.3f}")
    for shell in explanation.shells[:_SHOWN_SHELLS]:
        number = f"{shell.coordination:.3g} neighbours"
        table.add_row(f"  {shell.label}", number, f"{shell.value:+.3f}", f"{shell.std:.3f}")
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
