"""``epitaxy consortium simulate``: what a consortium would bring each company, on one machine. Needs no server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.finetune.options import ColumnOption, LabelConditionOption
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.client.finetune.columns import conditions_of

if TYPE_CHECKING:
    from epitaxy.consortium.simulation import Draw

_SHOWN_REFUSED = 5
_MOST_MEMBERS = 20


class TransportName(StrEnum):
    """What carries the members' messages."""

    INPROCESS = "inprocess"
    FLOWER = "flower"


def simulate(
    data: Annotated[str, typer.Option("--data", metavar="FILE", help="Table of labels: Parquet, CSV or JSONL.")],
    column: ColumnOption,
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help="Unit of the labels (1: dimensionless).")],
    compositions: Annotated[
        str, typer.Option("--composition-column", metavar="NAME", help="Column of compositions, as formulas.")
    ],
    by: Annotated[
        str,
        typer.Option("--by", metavar="COLUMN", help="Column whose largest values are companies."),
    ],
    conditions: LabelConditionOption = None,
    members: Annotated[int, typer.Option("--members", min=3, max=_MOST_MEMBERS, help="Companies.")] = 3,
    rows: Annotated[int, typer.Option("--rows", min=12, help="Rows that each company learns from.")] = 80,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of rows, with a round each.")] = 3,
    transport: Annotated[
        TransportName, typer.Option("--transport", help="What carries messages (flower: not available yet).")
    ] = TransportName.INPROCESS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Play a consortium on one machine.

    Says what companies would gain if they learned together and showed each other no row. The largest values of the
    column are companies, and all others together the last one. If the column names many small sources, such as
    publications, whole sources are dealt to the companies. Each company learns from some of its rows, and is tested on
    its others.

    Prints mean absolute errors of the best local model, of the consortium, and of a forest on the rows of all, which no
    company could have; and the share of that gap which the consortium closes. Needs no server.

    Exit code 0, or 3 if some rows could not be used.
    """
    with _reporting_errors():
        from epitaxy.cli.consortium.report import report_of  # noqa: PLC0415 - not on a client's machine
        from epitaxy.cli.consortium.table import read_company_table  # noqa: PLC0415
        from epitaxy.consortium.companies import companies_of  # noqa: PLC0415

        table = read_company_table(data, column, unit, compositions, conditions_of(conditions or ()), by)
        for name, why in table.refused[:_SHOWN_REFUSED]:
            stderr_console().print(f"refused   {name}: {why}", soft_wrap=True)
        companies = companies_of(table.companies, members, rows, by)
        with show_waiting(f"{seeds} rounds of {members} members", "each opens one masked sum after another"):
            draws = [_play(table.table, companies, rows, seed, transport) for seed in range(seeds)]
    document: dict[str, Any] = report_of(draws, unit) | {
        "members": members,
        "rows": rows,
        "seeds": seeds,
        "transport": str(transport),
        "n_refused": len(table.refused),
    }
    if as_json:
        print_object(document)
    else:
        _print(document, draws)
    raise typer.Exit(exit_codes.SOME_REFUSED if table.refused else exit_codes.ALL_ANSWERED)


def _play(table: Any, companies: Sequence[Any], rows: int, seed: int, transport: TransportName) -> "Draw":
    from epitaxy.consortium.simulation import play  # noqa: PLC0415 - not on a client's machine

    if transport is TransportName.INPROCESS:
        return play(table, companies, rows, seed)
    message = "the Flower transport is not part of this release: leave --transport out"
    raise usage_error(f"NO_TRANSPORT: {message}")


def _print(document: dict[str, Any], draws: Sequence["Draw"]) -> None:
    console, unit = stdout_console(), document["unit"]
    table = Table("company", box=None)
    for title in (f"local, {unit}", "central", "federated", "over own best", "verdicts"):
        table.add_column(title, justify="right")
    for entry in document["companies"]:
        errors = [f"{entry[key]:.4g}" for key in ("local", "central", "federated")]
        table.add_row(entry["name"], *errors, f"{entry['ratio']:.3f}", ", ".join(entry["verdicts"]))
    console.print(table)
    console.print(_sentence(document), soft_wrap=True)


def _sentence(document: dict[str, Any]) -> str:
    share = document["share_of_gap"]
    if share is None:
        return "Even a forest on the rows of all is no better than the best local model: there is nothing to gain."
    closed = f"closes {share:.0%} of" if share > 0 else "closes nothing of"
    local, central = (f"{document[key]:.4g} {document['unit']}" for key in ("local", "central"))
    return (
        f"The consortium {closed} the gap between the best local model ({local}) and a forest on the rows of all "
        f"({central}); means over {document['seeds']} draws."
    )


@contextmanager
def _reporting_errors() -> Iterator[None]:
    """One line and an exit code for errors: 2 for a mistake in the request or the data, 1 for a round that failed."""
    try:
        from epitaxy_models.errors import ConfigurationError, EpitaxyError  # noqa: PLC0415

        try:
            yield
        except ConfigurationError as error:
            raise usage_error(f"{error.reason}: {error}") from error
        except EpitaxyError as error:
            stderr_console().print(f"epitaxy: {error.reason}: {error}", soft_wrap=True)
            raise typer.Exit(exit_codes.RUN_FAILED) from error
    except ModuleNotFoundError as error:
        stderr_console().print(f"epitaxy: a consortium needs {error.name}: pip install 'epitaxy[consortium,client]'")
        raise typer.Exit(exit_codes.RUN_FAILED) from error
