"""``epitaxy screen``: files and folders in, a table with intervals out."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli.conditions import AtOption, ConditionOption, ConditionPlan
from epitaxy.cli.connecting import KnownColumnOption, ModelOption, TargetOption, connect
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    InputStructureColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    inventory_of,
    material_column_of,
    substrate_of_lists,
)
from epitaxy.cli.refused.table_file import RefusedOption, check_refused_file
from epitaxy.cli.screen.job import JournalPolicy, ScreenJob, ScreenPlan, is_folder, journal_path
from epitaxy.cli.screen.part_writer import STRUCTURES_A_PART
from epitaxy.cli.screen.search_job import SearchFiles, SearchJob, SearchQuestion
from epitaxy.cli.screen.search_plan import (
    BestOption,
    ByOption,
    InDomainOption,
    PerFormulaOption,
    RecallOption,
    SearchPlan,
    SummaryJsonOption,
    WhereOption,
    WhyOption,
    check_none_of,
)
from epitaxy.cli.screen.table_file import check_parent, check_table_file, endings
from epitaxy.cli.terminal import stderr_console, usage_error
from epitaxy.cli.wording import split_names
from epitaxy.client.inputs.columns import Columns

_DEFAULT_TOP = 20


def screen(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="Files, folders, archives, Parquet, CSV or JSONL tables; - reads JSONL."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Table to write: .parquet, .csv, .jsonl, or a folder of Parquet parts.",
            show_default="required, but for --best",
        ),
    ] = None,
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
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99, help="Nominal coverage of the intervals.")] = 0.9,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Discard the answers of an interrupted run, and start over.")
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            min=1,
            metavar="N",
            help="Print a ranking of the best N structures.",
            show_default=f"{_DEFAULT_TOP} with --sort or --measured, else no ranking",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="PROPERTY", help="Property to rank by.", show_default="the first one predicted"),
    ] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="Rank the lowest values first.")] = False,
    measured: Annotated[
        Path | None,
        typer.Option(
            "--measured",
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            help="Show measured values beside the ranking. The file needs columns id and PROPERTY_measured.",
        ),
    ] = None,
    refused: RefusedOption = None,
    part_size: Annotated[
        int, typer.Option("--part-size", min=1, metavar="N", help="Inputs in a part, if FILE is a folder.")
    ] = STRUCTURES_A_PART,
    chunk_size: Annotated[
        int | None,
        typer.Option(
            min=1, max=512, help="Structures per message.", show_default="128, up to 512 while answers come fast"
        ),
    ] = None,
    bypass_cache: Annotated[bool, typer.Option("--bypass-cache", help="Do not use cached answers.")] = False,
    best: BestOption = None,
    by: ByOption = None,
    where: WhereOption = None,
    recall: RecallOption = None,
    in_domain: InDomainOption = False,
    per_formula: PerFormulaOption = None,
    why: WhyOption = None,
    as_json: SummaryJsonOption = False,
    target: TargetOption = None,
) -> None:
    """Screen crystals and write a table of predictions.

    The table has one row per structure and property. If FILE exists, it is replaced once the new table is complete.

    Answers are kept in FILE.journal as they arrive. If a run is killed or interrupted, repeat it with --resume: it
    continues and writes the same table. The journal is deleted once the table is written.

    For millions of inputs name a folder: a FILE without an ending. It is filled with Parquet parts of some 50,000
    inputs, in their order, which pandas, polars and Arrow read as one table. A killed run continues after its last
    part.

    With --best K and --by only the best K are found: cheap students of the model score all structures, and the model
    evaluates the most promising ones, until the result holds the share --recall of the model's own best K. The summary
    says how much was evaluated, and the recall with its interval. FILE, which may be left out, holds the best in
    order, and then the refused structures.

    Exit code 0 if all structures were answered, 3 if some were refused or failed, 1 if the run failed, 2 for a mistake
    in the command line, 130 if interrupted.
    """
    search = SearchPlan.of(
        best,
        by,
        where=where or (),
        recall=recall,
        in_domain=in_domain,
        per_formula=per_formula,
        whys=why or (),
        as_json=as_json,
    )
    material = material_column_of(smiles, polymers, compositions, elements)
    # One table has the columns of one model: without a name that of the materials' kind.
    model = model or (material.substrate if material else substrate_of_lists(paths))
    if search is not None:
        check_none_of(
            {"--top": top is not None, "--sort": sort is not None, "--ascending": ascending},
            "ranks a screening of everything; --best K --by PROPERTY:max ranks what it finds: give one of them",
        )
        check_none_of(
            {"--resume": resume, "--restart": restart},
            "belongs to a screening of everything; a search is repeated as it was, and finds its answers in the cache",
        )
        if out is not None:
            check_table_file(out)
        check_refused_file(refused, out)
        written = tuple(path for path in (out, refused) if path is not None)
        columns = Columns.of(material or structure_column, id_column, tuple(split_names(known_columns)))
        question = SearchQuestion(
            model, tuple(split_names(properties)), coverage, bypass_cache, ConditionPlan.of(conditions, at)
        )
        inventory = inventory_of(paths, exclude=written, columns=columns)
        files = SearchFiles(out, refused, measured)
        with connect(context, target) as client:
            raise typer.Exit(SearchJob(client, inventory, search, question, files, stderr_console()).run())
    if out is None:
        raise usage_error("Missing option '--out'")
    if resume and restart:
        raise usage_error("--resume continues a run, --restart discards it: give only one of them")
    _check_out(out)
    check_refused_file(refused, out)
    plan = ScreenPlan(
        out=out,
        model=model,
        properties=tuple(split_names(properties)),
        known_columns=tuple(split_names(known_columns)),
        coverage=coverage,
        chunk_size=chunk_size,
        bypass_cache=bypass_cache,
        journal=JournalPolicy.RESUME if resume else JournalPolicy.RESTART if restart else JournalPolicy.REFUSE,
        top=top or (_DEFAULT_TOP if sort or measured else None),
        sort=sort,
        ascending=ascending,
        measured=measured,
        refused=refused,
        conditions=ConditionPlan.of(conditions, at),
        part_size=part_size,
    )
    _check_journal(plan)
    columns = Columns.of(material or structure_column, id_column, plan.known_columns)
    written = (out, journal_path(out), *([refused] if refused is not None else []))
    inventory = inventory_of(paths, exclude=written, columns=columns)
    with connect(context, target) as client:
        raise typer.Exit(ScreenJob(client, inventory, plan, stderr_console()).run())


def _check_out(out: Path) -> None:
    if is_folder(out):
        check_parent(out)
        check_part_folder(out)
    else:
        check_table_file(out, ", or have no ending for a folder")


def check_part_folder(out: Path) -> None:
    """Raises typer.Exit unless a folder of parts can be made there."""
    if out.exists() and not out.is_dir():
        raise usage_error(f"--out {out} is a file: a table in one file needs an ending, {endings()}")
    if importlib.util.find_spec("pyarrow") is None:
        raise usage_error(f"--out {out}: Parquet needs pyarrow: pip install 'epitaxy[client]'")


def _check_journal(plan: ScreenPlan) -> None:
    path = journal_path(plan.out)
    if plan.journal is JournalPolicy.REFUSE and path.exists():
        what = (
            f"{plan.out} holds the parts of a run" if is_folder(plan.out) else f"{path} is left from an unfinished run"
        )
        raise usage_error(f"{what}: pass --resume to continue it, or --restart to discard it")
    if plan.journal is JournalPolicy.RESUME and not path.exists():
        stderr_console().print(f"nothing to resume: {path} does not exist; starting from the beginning", soft_wrap=True)
