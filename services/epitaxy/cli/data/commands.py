"""``epitaxy data``: turns data sets from databases and files into one validated table, and inspects tables."""

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.data.progress import show_rows
from epitaxy.cli.data.report import print_inspection, print_provenance
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.terminal import stderr_console, usage_error

if TYPE_CHECKING:
    from epitaxy_models.data.label_plan import LabelChoices
    from epitaxy_models.data.provenance import Provenance
    from epitaxy_models.data.sources.records import ColumnNames

data_app = typer.Typer(
    name="data", help="Fetch, convert, build and inspect data sets of materials.", no_args_is_help=True
)

OutOption = Annotated[Path, typer.Option("--out", dir_okay=False, help="Table to write (.parquet).")]
UnitOption = Annotated[
    list[str] | None, typer.Option("--unit", metavar="COLUMN=SUFFIX", help="Unit of a label column, such as eV_atom.")
]
NameOption = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="COLUMN=NAME", help="New name of a label column, without unit."),
]
DropOption = Annotated[list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Leave a column out.")]
LicenceOption = Annotated[str | None, typer.Option("--licence", help="Licence of the data, for the provenance.")]


@data_app.command()
def convert(
    path: Annotated[Path, typer.Argument(help="File, or folder of CIF files with id_prop.csv or targets.csv.")],
    out: OutOption,
    unit: UnitOption = None,
    name: NameOption = None,
    drop: DropOption = None,
    id_column: Annotated[str | None, typer.Option(help="Column of row ids.")] = None,
    structure_column: Annotated[str | None, typer.Option(help="Column of the structures.")] = None,
    smiles_column: SmilesColumnOption = None,
    polymer_column: PolymerColumnOption = None,
    composition_column: CompositionColumnOption = None,
    element_columns: ElementColumnsOption = None,
    provider: Annotated[str, typer.Option(help="Publisher of the data, for the provenance.")] = "",
    licence: LicenceOption = None,
) -> None:
    """Convert a data set to one validated table.

    Reads Parquet, JSON Lines, CSV, folders of CIF files, ASE databases, extended XYZ and Matbench data frames; SD files
    and lists of SMILES (.smi) or formulas (.formulas). Name the column of molecules, polymers or compositions; without
    a name, the column of crystal structures is looked for. Refused rows are written to OUT.refused.csv with their
    reasons.

    Exit code 0 if every row was kept, 3 if some were refused.
    """
    with reporting_errors():
        check_out(out)
        # Not installed on a client's machine.
        from epitaxy_models.data.conversion import convert as convert_source  # noqa: PLC0415
        from epitaxy_models.data.label_plan import plan_labels  # noqa: PLC0415
        from epitaxy_models.data.provenance import Origin  # noqa: PLC0415
        from epitaxy_models.data.sources import open_source  # noqa: PLC0415

        names = _column_names(
            id_column, structure_column, smiles_column, polymer_column, composition_column, element_columns
        )
        source = open_source(path, names)
        plan = plan_labels(source.columns, _choices(unit, name, drop))
        today = datetime.now(UTC).date().isoformat()
        origin = Origin(source.kind, path.resolve().name, today, provider, licence or "unknown")
        with show_rows(stderr_console(), "converting", source.n_rows) as report:
            provenance = convert_source(source, plan, out, origin, report.advance)
    _finish(out, provenance)


@data_app.command()
def fetch(
    provider: Annotated[
        str,
        typer.Argument(
            help="Database: oqmd, jarvis, alexandria, mp, an OPTIMADE base URL, materials-project (through mp-api), or "
            "pubchem (molecules, through PUG REST)."
        ),
    ],
    out: OutOption,
    query: Annotated[
        str,
        typer.Option(
            "--filter",
            help="OPTIMADE filter; for materials-project, a JSON object of search criteria; for pubchem a search such "
            "as cid=2244,3672, name=@names.txt, formula=C9H8O4, substructure=c1ccsc1 or exact_mass=180.0..180.1.",
        ),
    ] = "",
    field: Annotated[
        list[str] | None, typer.Option(help="Field of the provider to keep as a label; may be repeated.")
    ] = None,
    unit: UnitOption = None,
    name: NameOption = None,
    max_per_second: Annotated[float, typer.Option(min=0.001, help="Maximum number of requests per second.")] = 2.0,
    page_limit: Annotated[int, typer.Option(min=1, help="Entries per request.")] = 100,
    max_entries: Annotated[int | None, typer.Option(min=1, help="Stop after this many entries.")] = None,
    licence: LicenceOption = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Address of PUG REST, such as of a proxy.", metavar="URL")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Discard what an earlier run downloaded.")] = False,
) -> None:
    """Download a data set from a database.

    Run the same command again to continue a download that was stopped. Until the table is written, OUT.pages.jsonl
    keeps what was downloaded. For materials-project, set MP_API_KEY to your API key.

    Exit code 0 if every row was kept, 3 if some were refused.
    """
    with reporting_errors():
        check_out(out)
        from epitaxy.datasets.pacing import Pacer  # noqa: PLC0415 - not installed on a client's machine

        options: dict[str, Any] = {"choices": _choices(unit, name, None), "max_entries": max_entries}
        options["page_limit"] = page_limit
        pacer = Pacer(max_per_second)
        if base_url and provider != "pubchem":
            raise usage_error("--base-url is for pubchem: give the base URL of an OPTIMADE server as the database")
        with show_rows(stderr_console(), "downloading", None) as report:
            if provider == "pubchem":
                options |= {name: value for name, value in (("base_url", base_url), ("licence", licence)) if value}
                provenance = _fetch_pubchem(query, field, options, out, pacer, report.at, restart)
            elif provider == "materials-project":
                provenance = _fetch_materials_project(query, field, options, out, pacer, report.at, restart)
            else:
                provenance = _fetch_optimade(provider, licence, query, field, options, out, pacer, report.at, restart)
    _finish(out, provenance)


@data_app.command()
def inspect(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Table to inspect (.parquet).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    outlier_z: Annotated[
        float, typer.Option(min=1, help="Robust standard deviations from the median that make a label suspicious.")
    ] = 10.0,
    rows: Annotated[int, typer.Option(min=0, help="Maximum number of suspicious rows to print.")] = 20,
) -> None:
    """Inspect a table.

    Prints counts, elements, label ranges, duplicates and suspicious rows.
    """
    with reporting_errors():
        from epitaxy_models.data.crystal_table import open_table  # noqa: PLC0415
        from epitaxy_models.data.inspection import inspect_table  # noqa: PLC0415

        n_rows = open_table(path).metadata.num_rows
        with show_rows(stderr_console(), "inspecting", n_rows) as report:
            inspection = inspect_table(path, outlier_z, report.advance)
    if as_json:
        document = dataclasses.asdict(inspection) | {"missing_elements": inspection.missing_elements}
        sys.stdout.write(json.dumps(_without_nan(document)) + "\n")
        return
    print_inspection(inspection, rows)


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Reports errors as one line and an exit code: 2 for a mistake in the request or the data, 1 for a failed run."""
    try:
        # Not installed on a client's machine, as everything of epitaxy_models and epitaxy.datasets below.
        from epitaxy.datasets.errors import FetchError, FetchUsageError  # noqa: PLC0415
        from epitaxy_models.errors import ConfigurationError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise _report_missing(error) from error
    try:
        yield
    except (ConfigurationError, FetchUsageError) as error:
        raise usage_error(str(error)) from error
    except FetchError as error:
        stderr_console().print(f"epitaxy: {error}", soft_wrap=True)
        raise typer.Exit(exit_codes.RUN_FAILED) from error
    except ModuleNotFoundError as error:
        raise _report_missing(error) from error
    except KeyboardInterrupt as error:
        stderr_console().print("epitaxy: interrupted; run the same command again to continue a download")
        raise typer.Exit(exit_codes.INTERRUPTED) from error


def _fetch_optimade(
    provider: str,
    licence: str | None,
    query: str,
    fields: list[str] | None,
    options: dict[str, Any],
    out: Path,
    pacer: Any,
    on_progress: Any,
    restart: bool,
) -> "Provenance":
    from epitaxy.datasets.optimade_fetch import OptimadeQuery, fetch_optimade  # noqa: PLC0415
    from epitaxy.datasets.providers import resolve_provider  # noqa: PLC0415

    asked = OptimadeQuery(resolve_provider(provider, licence), query, tuple(fields or ()), **options)
    return fetch_optimade(asked, out, pacer, on_progress, restart=restart)


def _fetch_pubchem(
    query: str,
    fields: list[str] | None,
    options: dict[str, Any],
    out: Path,
    pacer: Any,
    on_progress: Any,
    restart: bool,
) -> "Provenance":
    from epitaxy.datasets.pubchem_fetch import PubchemQuery, fetch_pubchem  # noqa: PLC0415
    from epitaxy.datasets.pubchem_search import read_search  # noqa: PLC0415

    asked = PubchemQuery(read_search(query), tuple(fields or ()), **options)
    return fetch_pubchem(asked, out, pacer, on_progress, restart=restart)


def _fetch_materials_project(
    query: str,
    fields: list[str] | None,
    options: dict[str, Any],
    out: Path,
    pacer: Any,
    on_progress: Any,
    restart: bool,
) -> "Provenance":
    from epitaxy.datasets.materials_project import (  # noqa: PLC0415
        MaterialsProjectQuery,
        fetch_materials_project,
        open_session,
    )

    try:
        criteria = json.loads(query) if query else {}
    except ValueError as error:
        raise usage_error(f"--filter {query!r} is not a JSON object of search criteria: {error}") from error
    if not isinstance(criteria, dict):
        raise usage_error(f"--filter {query!r} is not a JSON object of search criteria")
    if fields:
        options["fields"] = tuple(fields)
    session = open_session(os.environ.get("MP_API_KEY"))
    asked = MaterialsProjectQuery(criteria, **options)
    return fetch_materials_project(asked, out, pacer, session, on_progress, restart=restart)


def _column_names(
    row_id: str | None,
    structure: str | None,
    smiles: str | None,
    polymer: str | None,
    composition: str | None,
    elements: str | None,
) -> "ColumnNames":
    from epitaxy_models.data.sources.records import ColumnNames  # noqa: PLC0415

    column = material_column_of(smiles, polymer, composition, elements)
    if column is None:
        return ColumnNames(row_id, structure)
    if structure:
        raise usage_error("--structure-column and another column both name the materials: give only one of them")
    return ColumnNames.of_kind(column.kind, row_id, column.name, column.elements)


def _choices(units: list[str] | None, names: list[str] | None, drops: list[str] | None) -> "LabelChoices":
    from epitaxy_models.data.label_plan import LabelChoices  # noqa: PLC0415

    return LabelChoices(_pairs("--unit", units), _pairs("--name", names), tuple(drops or ()))


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        column, equals, value = text.rpartition("=")
        if not (column and equals and value):
            raise usage_error(f"{option} {text!r} must have the form COLUMN=VALUE")
        pairs[column] = value
    return pairs


def check_out(out: Path) -> None:
    """Refuses a table that would not be Parquet or has no folder."""
    if out.suffix.lower() not in (".parquet", ".pq"):
        raise usage_error(f"--out {out} must end in .parquet")
    if not out.parent.is_dir():
        raise usage_error(f"--out {out}: the folder {out.parent} does not exist")


def _finish(out: Path, provenance: "Provenance") -> None:
    print_provenance(stderr_console(), provenance)
    refused = f", and the refused rows to {out}.refused.csv" if provenance.n_refused else ""
    stderr_console().print(f"wrote {out}{refused}", soft_wrap=True)
    raise typer.Exit(exit_codes.SOME_REFUSED if provenance.n_refused else exit_codes.ALL_ANSWERED)


def _report_missing(error: ModuleNotFoundError) -> typer.Exit:
    stderr_console().print(f"epitaxy: data sets need {error.name}: pip install 'epitaxy[data]'", soft_wrap=True)
    return typer.Exit(exit_codes.RUN_FAILED)


def _without_nan(value: Any) -> Any:
    """Replaces NaN and infinity, which JSON lacks, by None."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
