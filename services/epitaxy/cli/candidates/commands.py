"""``epitaxy candidates``: materials to screen or to choose from that are in no database yet."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.candidates.output import Output, reporting_errors
from epitaxy.cli.data.progress import show_rows
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
from epitaxy.cli.terminal import stderr_console, usage_error
from epitaxy.cli.wording import split_names
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.inventory import Inventory

if TYPE_CHECKING:
    from epitaxy_models.candidates.candidate import RefusedSource

candidates_app = typer.Typer(
    name="candidates",
    help="Make candidates, and take in generated sets.",
    no_args_is_help=True,
)

PathsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="Files, folders, archives and tables of crystals; - reads JSON Lines."),
]
OutOption = Annotated[
    str, typer.Option("--out", metavar="FILE|-", help="Table to write: .parquet or .jsonl; - prints JSON Lines.")
]
NewOnlyOption = Annotated[
    bool,
    typer.Option("--new-only", help="Leave out what is known: a known material has the formula and structure type."),
]


@candidates_app.callback()
def candidates() -> None:
    """Make candidates, and take in generated sets."""


@candidates_app.command()
def substitute(
    paths: PathsArgument,
    out: OutOption,
    threshold: Annotated[float, typer.Option("--threshold", help="Least probability of a substitution.")] = 0.001,
    per_source: Annotated[int, typer.Option("--per-source", min=1, help="Most substitutions of one crystal.")] = 50,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Most candidates in all; the most probable are kept.")
    ] = 10_000,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="SYMBOL,...", help="Elements that no candidate may hold.")
    ] = None,
    new_only: NewOnlyOption = False,
    structure_column: InputStructureColumnOption = "structure",
    id_column: InputIdColumnOption = None,
    as_json: OneObjectOption = False,
) -> None:
    """Make candidates from known crystals by ionic substitution.

    Ions take the places of others with probabilities that were mined from known compounds (Hautier et al. 2011). The
    charges stay balanced, and the volume follows the radii of the ions. Copies of known materials and of each other
    are left out. The most probable candidates come first. Needs no server.

    The table has the columns id, formula, structure, source_id, substitution, probability, volume_ratio, space_group,
    is_known and known_as, and goes into epitaxy screen or a campaign's pool. Crystals without candidates are written
    to FILE.refused.csv with their reasons.

    Exit code 0 if candidates come of every crystal, 3 if some have none.
    """
    output = Output.of(out, as_json=as_json)
    inventory = inventory_of(paths, output.written, Columns.of(structure_column, id_column, ()))
    with reporting_errors():
        # Not installed on a client's machine.
        from epitaxy.cli.candidates.reading import read_crystals  # noqa: PLC0415
        from epitaxy_models.candidates.known import shipped_materials  # noqa: PLC0415
        from epitaxy_models.candidates.making import SubstitutionOptions, SubstitutionRun  # noqa: PLC0415

        options = SubstitutionOptions(threshold, per_source, limit, frozenset(split_names(without)), new_only)
        run = SubstitutionRun(shipped_materials(), options)
        with show_rows(stderr_console(), "reading crystals", inventory.count()) as report:
            run.read(read_crystals(inventory, run.refused, report.advance))
        with show_rows(stderr_console(), "substituting", None) as report:
            output.write(run.candidates(report.at))
    _finish(output, run.refused, run.n_dropped)


@candidates_app.command("import")
def import_set(
    paths: PathsArgument,
    out: OutOption,
    new_only: NewOnlyOption = False,
    structure_column: InputStructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    id_column: InputIdColumnOption = None,
    as_json: OneObjectOption = False,
) -> None:
    """Take in a generated set.

    Reads folders and archives of CIF files, extended XYZ, and tables. Every crystal is checked, copies in other cells
    are left out, and the column is_known says whether a known material has the formula and structure type. The columns
    are those of substitute. Needs no server.

    Of molecules, polymers and compositions every row is checked and other spellings of one material are left out. The
    table has the columns id, smiles (or composition) in canonical form, and formula.

    Exit code 0 if every candidate can be used, 3 if some are refused.
    """
    output = Output.of(out, as_json=as_json)
    material = material_column_of(smiles, polymers, compositions, elements)
    if material is not None and new_only:
        raise usage_error("--new-only is for crystals: no list of other known materials comes with the package")
    inventory = inventory_of(paths, output.written, Columns.of(material or structure_column, id_column, ()))
    refused: list[RefusedSource] = []
    if material is not None:
        _finish(output, refused, _take_in(output, inventory, refused, material.kind))
    with reporting_errors():
        from epitaxy.cli.candidates.reading import read_crystals  # noqa: PLC0415
        from epitaxy_models.candidates.generated import GeneratedSet  # noqa: PLC0415
        from epitaxy_models.candidates.known import shipped_materials  # noqa: PLC0415

        generated = GeneratedSet(shipped_materials(), new_only)
        with show_rows(stderr_console(), "taking in", inventory.count()) as report:
            output.write(generated.candidates(read_crystals(inventory, refused, report.advance)))
    _finish(output, refused, generated.n_dropped)


@candidates_app.command("compositions")
def grid(
    system: Annotated[str, typer.Argument(metavar="Al,Co,...", help="Elements of the alloys.")],
    out: OutOption,
    step: Annotated[int, typer.Option("--step", min=1, help="Atomic per cent between neighbours; divides 100.")] = 5,
    low: Annotated[int, typer.Option("--low", min=1, help="Least share of an element that occurs, at. %.")] = 5,
    high: Annotated[int, typer.Option("--high", min=1, help="Largest share of an element, at. %.")] = 100,
    least: Annotated[
        int,
        typer.Option("--least", min=0, help="Fewest elements of an alloy.", show_default="all elements in every alloy"),
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most alloys; a larger grid is refused.")] = 100_000,
    as_json: OneObjectOption = False,
) -> None:
    """Make a grid of alloys: mixtures of elements in steps.

    The table has the columns id, composition and formula, and goes into epitaxy screen or a campaign's pool with
    --composition-column composition. Needs no server.
    """
    output = Output.of(out, as_json=as_json)
    with reporting_errors():
        # Not installed on a client's machine.
        from epitaxy_models.candidates.materials import AlloyGrid  # noqa: PLC0415
        from epitaxy_models.materials import MaterialKind  # noqa: PLC0415

        made = AlloyGrid(tuple(split_names([system])), step, low, high, least)
        if made.count() > limit:
            raise usage_error(f"the grid has {made.count():,} alloys, more than --limit {limit:,}: take larger steps")
        output.write_materials(made.candidates(), MaterialKind.COMPOSITION)
    _finish(output, [], Counter())


def _take_in(output: Output, inventory: Inventory, refused: "list[RefusedSource]", kind: str) -> Counter[str]:
    """Writes the different materials of a set; the number of those that are left out by reason."""
    with reporting_errors():
        from epitaxy.cli.candidates.reading import read_materials  # noqa: PLC0415 - not on a client's machine
        from epitaxy_models.candidates.materials import MaterialSet  # noqa: PLC0415
        from epitaxy_models.materials import MaterialKind  # noqa: PLC0415

        taken = MaterialSet()
        with show_rows(stderr_console(), "taking in", inventory.count()) as report:
            found = taken.candidates(read_materials(inventory, refused, report.advance))
            output.write_materials(found, MaterialKind(kind))
    return taken.n_dropped


def _finish(output: Output, refused: "list[RefusedSource]", n_dropped: Counter[str]) -> None:
    output.tell(refused, n_dropped)
    raise typer.Exit(exit_codes.SOME_REFUSED if refused else exit_codes.ALL_ANSWERED)
