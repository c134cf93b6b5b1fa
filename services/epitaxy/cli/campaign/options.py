"""Options that several ``epitaxy campaign`` commands share."""

from enum import StrEnum
from typing import Annotated

import typer


class StartName(StrEnum):
    """How a campaign begins."""

    AUTO = "auto"
    HEAD = "head"
    DIVERSE = "diverse"
    RANDOM = "random"


class AcquisitionName(StrEnum):
    """How a campaign goes on."""

    AUTO = "auto"
    EXPECTED_IMPROVEMENT = "expected_improvement"
    UPPER_CONFIDENCE_BOUND = "upper_confidence_bound"
    THOMPSON = "thompson"
    LARGEST_UNCERTAINTY = "largest_uncertainty"
    GREEDY = "greedy"
    RANDOM = "random"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign.")]
ObjectiveOption = Annotated[
    list[str],
    typer.Option(
        "--objective",
        metavar="PROPERTY:GOAL",
        help="Goal for a property: PROPERTY:max, PROPERTY:min, PROPERTY:match:VALUE or PROPERTY:band:LOW:HIGH; may be "
        "repeated, up to three times.",
    ),
]
UnitsOption = Annotated[
    list[str],
    typer.Option(
        "--unit", metavar="UNIT", help="Unit of each objective, in their order (1: dimensionless); may be repeated."
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="LIMIT",
        help='Limit on a measured, known or predicted property, such as "energy_above_hull<0.1"; may be repeated.',
    ),
]
StartOption = Annotated[StartName, typer.Option("--start", help="How to choose the first candidates.")]
AcquisitionOption = Annotated[
    AcquisitionName,
    typer.Option(
        "--acquisition",
        metavar="NAME",
        help="How to choose once there are results: auto, expected_improvement, upper_confidence_bound, thompson, "
        "largest_uncertainty, greedy or random.",
    ),
]
BatchOption = Annotated[int, typer.Option("--batch", min=1, max=1000, help="Candidates in a batch.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Random seed; equal pools, results and seeds give equal batches.")
]
CostColumnOption = Annotated[
    str,
    typer.Option(
        "--cost-column", metavar="NAME", help="Column of what measuring a candidate costs; weighs the choice."
    ),
]
GroupColumnOption = Annotated[
    str, typer.Option("--group-column", metavar="NAME", help="Column of the groups that candidates are reported in.")
]
KnownOption = Annotated[
    list[str] | None,
    typer.Option(
        "--known-column",
        metavar="NAME,...",
        help="Columns of values that are known already; those that --where names are read anyway.",
    ),
]
PoolConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="COLUMN[:UNIT]",
        help="Column of a condition under which candidates are measured, such as temperature:degC; a column with text "
        "is a category; may be repeated.",
    ),
]
PoolOption = Annotated[
    list[str],
    typer.Option(
        "--pool",
        metavar="FILE",
        help="Candidates: a table, folder or archive, a file:// or s3:// address that the server reads, or - for JSON "
        "Lines from a pipe; may be repeated.",
    ),
]
ResultsOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Table with columns id or ticket, one for each property, and optional std, status, measurement_id, note.",
    ),
]
ValueColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="[PROPERTY=]NAME",
        help="Column of a property's values; may be repeated.",
        show_default="the column that is named as the property",
    ),
]
OneUnitOption = Annotated[
    str, typer.Option("--unit", help="Unit of the values; must be the objective's own.", show_default="the objective's")
]
CampaignRequestIdOption = Annotated[
    str, typer.Option("--request-id", help="Id that makes the command safe to repeat: it then does its work once.")
]
