"""``epitaxy candidates``: crystals to screen or to choose from that are in no database yet."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.candidates.output import Output, reporting_errors
from epitaxy.cli.data.progress import show_rows
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.inputs import InputIdColumnOption, InputStructureColumnOption, inventory_of
from epitaxy.cli.terminal import stderr_console
from epitaxy.cli.wording import split_names
from epitaxy.client.inputs.columns import Columns

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
    id_column: InputIdColumnOption = None,
    as_json: OneObjectOption = False,
) -> None:
    """Take in a generated set of crystals.

    Reads folders and archives of CIF files, extended XYZ, and tables. Every crystal is checked, copies in other cells
    are left out, and the column is_known says whether a known material has the formula and structure type. The columns
    are those of substitute. Needs no server.

    Exit code 0 if every crystal can be used, 3 if some are refused.
    """
    output = Output.of(out, as_json=as_json)
    inventory = inventory_of(paths, output.written, Columns.of(structure_column, id_column, ()))
    refused: list[RefusedSource] = []
    with reporting_errors():
        from epitaxy.cli.candidates.reading import read_crystals  # noqa: PLC0415
        from epitaxy_models.candidates.generated import GeneratedSet  # noqa: PLC0415
        from epitaxy_models.candidates.known import shipped_materials  # noqa: PLC0415

        generated = GeneratedSet(shipped_materials(), new_only)
        with show_rows(stderr_console(), "taking in", inventory.count()) as report:
            output.write(generated.candidates(read_crystals(inventory, refused, report.advance)))
    _finish(output, refused, generated.n_dropped)


def _finish(output: Output, refused: "list[RefusedSource]", n_dropped: Counter[str]) -> None:
    output.tell(refused, n_dropped)
    raise typer.Exit(exit_codes.SOME_REFUSED if refused else exit_codes.ALL_ANSWERED)
