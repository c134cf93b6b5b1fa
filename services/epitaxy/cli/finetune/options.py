"""Options of more than one ``epitaxy finetune`` command."""

from enum import StrEnum
from typing import Annotated

import typer


class Transform(StrEnum):
    """The scale on which labels are learned."""

    NONE = "none"
    LOG10 = "log10"
    LOG1P = "log1p"
    AUTO = "auto"


DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="PATH|URI",
        help="Parquet, CSV or JSONL; a folder with a table and CIF files; or file:// or s3:// for the server to read.",
    ),
]
ColumnOption = Annotated[str, typer.Option("--column", metavar="NAME", help="The column to learn.")]
StructureColumnOption = Annotated[
    str, typer.Option("--structure-column", metavar="NAME", help="Column of JSON, CIF text or file names.")
]
IdColumnOption = Annotated[
    str | None, typer.Option("--id-column", metavar="NAME", help="Column that names the rows; id and its like, if any.")
]
TransformOption = Annotated[Transform, typer.Option("--transform", help="Scale of the labels.")]
LowFidelityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--low-fidelity", metavar="COLUMN:FIDELITY[:COST]", help="Known values that serve as inputs; may be repeated."
    ),
]
BaseModelOption = Annotated[
    str, typer.Option("--base-model", metavar="NAME", help="The substrate; the server's own where left out.")
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, or a model's name for its latest job.")]
OneObjectOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
