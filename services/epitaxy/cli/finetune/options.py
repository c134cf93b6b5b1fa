"""Options that several ``epitaxy finetune`` commands share."""

from enum import StrEnum
from typing import Annotated

import typer


class Transform(StrEnum):
    """The scale on which labels are learned."""

    NONE = "none"
    LOG10 = "log10"
    LOG1P = "log1p"
    AUTO = "auto"


class Task(StrEnum):
    """What the labels are."""

    AUTO = "auto"
    REGRESSION = "regression"
    CLASSIFICATION = "classification"


DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="PATH|URI",
        help="Labels: a Parquet, CSV or JSONL table, a folder or archive with a table and CIF files, or a "
        "file:// or s3:// address that the server reads.",
    ),
]
ColumnOption = Annotated[str, typer.Option("--column", metavar="NAME", help="Column of the labels to learn.")]
GpuOption = Annotated[bool, typer.Option("--gpu", help="Run on a GPU; the job waits for one.")]
RequestIdOption = Annotated[
    str,
    typer.Option("--request-id", help="Id that makes the command safe to repeat: the same id returns the same job."),
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Show progress until the job ends.")]
StructureColumnOption = Annotated[
    str, typer.Option("--structure-column", metavar="NAME", help="Column of structures: JSON, CIF text or file names.")
]
IdColumnOption = Annotated[
    str | None,
    typer.Option(
        "--id-column", metavar="NAME", help="Column of row ids.", show_default="a column such as id, if there is one"
    ),
]
TaskOption = Annotated[
    Task,
    typer.Option(
        "--task",
        help="What the labels are: numbers, or 0 and 1, answered by a probability. auto: classification if the column "
        "holds true and false, or yes and no.",
    ),
]
TransformOption = Annotated[Transform, typer.Option("--transform", help="Scale on which the labels are learned.")]
LowFidelityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--low-fidelity",
        metavar="COLUMN:FIDELITY[:COST]",
        help="Column of cheaper values, in the unit of the labels; cells may be empty; may be repeated.",
    ),
]
LabelConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="COLUMN[:UNIT]",
        help="Column of a condition under which the labels were measured, such as temperature:K; a column with text is "
        "a category; may be repeated.",
    ),
]
LawOption = Annotated[
    list[str] | None,
    typer.Option(
        "--law",
        metavar="LAW:CONDITION",
        help="Law that the property keeps: arrhenius:T, softening:T, monotone:P:rising, bounded:0:1 or "
        "ordered:COLUMN:under; may be repeated.",
        show_default="the law that the property is known to keep",
    ),
]
CensoredOption = Annotated[
    str,
    typer.Option(
        "--censored",
        metavar="COLUMN",
        help="Column that tells which labels are bounds (true, <, >); cells such as '< 1e-8' are bounds without it.",
    ),
]
BaseModelOption = Annotated[
    str,
    typer.Option(
        "--base-model", metavar="NAME", help="Pretrained model to start from.", show_default="the server's default"
    ),
]
AcceptSuspiciousOption = Annotated[
    bool,
    typer.Option(
        "--accept-suspicious",
        help="Go on in spite of gross errors: leave wild labels out, take the unit as stated.",
    ),
]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB|MODEL[:VERSION]", help="Id of a job, or a model, for its latest job.")
]
OneObjectOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
