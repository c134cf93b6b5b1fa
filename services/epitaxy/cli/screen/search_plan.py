"""``epitaxy screen --best``: its options, and what they exclude."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from epitaxy.cli.terminal import usage_error
from epitaxy.client import Goal, InvalidRequestError, ModelCard, Where
from epitaxy.client.searching.order import DEFAULT_RECALL

_PANEL = "The best of a pool"

BestOption = Annotated[
    int | None,
    typer.Option(
        "--best",
        min=1,
        metavar="K",
        help="Find the best K without predicting all structures. FILE then holds the best, in order.",
        rich_help_panel=_PANEL,
    ),
]
ByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="PROPERTY:max|min|match:VALUE[:lower|:upper]",
        help="What --best ranks by: a property, or an end of its interval.",
        rich_help_panel=_PANEL,
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar='"PROPERTY<NUMBER"',
        help="Condition that each of the best must meet; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
RecallOption = Annotated[
    float | None,
    typer.Option(
        "--recall",
        min=0.5,
        max=0.999,
        help="Share of the model's own best K that must be found.",
        show_default=f"{DEFAULT_RECALL}",
        rich_help_panel=_PANEL,
    ),
]
InDomainOption = Annotated[
    bool,
    typer.Option("--in-domain", help="Count only structures inside the model's domain.", rich_help_panel=_PANEL),
]
PerFormulaOption = Annotated[
    int | None,
    typer.Option(
        "--per-formula",
        min=1,
        metavar="N",
        help="Count at most N structures of one formula.",
        show_default="any number",
        rich_help_panel=_PANEL,
    ),
]
WhyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--why",
        metavar="ID",
        help="Say what became of a structure, dropped ones included; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
SummaryJsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print the summary of --best as one JSON object on stdout.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What the command line asks of a search.

    Attributes:
        best: How many structures are wanted.
        goal: By what they are ranked.
        where: Conditions that each of them must meet.
        recall: Share of the model's own best that must be found.
        in_domain: Whether only structures inside the model's domain count.
        per_formula: How many structures of one formula count; None: any number.
        whys: Ids of structures to tell about.
        as_json: Whether the summary is printed as JSON.
    """

    best: int
    goal: Goal
    where: tuple[Where, ...] = ()
    recall: float = DEFAULT_RECALL
    in_domain: bool = False
    per_formula: int | None = None
    whys: tuple[str, ...] = ()
    as_json: bool = False

    @classmethod
    def of(
        cls,
        best: int | None,
        by: str | None,
        *,
        where: Sequence[str],
        recall: float | None,
        in_domain: bool,
        per_formula: int | None,
        whys: Sequence[str],
        as_json: bool,
    ) -> "SearchPlan | None":
        """The plan, None without ``--best``. Raises typer.Exit for options that do not go together."""
        if best is None:
            given = {
                "--by": by is not None,
                "--where": bool(where),
                "--recall": recall is not None,
                "--in-domain": in_domain,
                "--per-formula": per_formula is not None,
                "--why": bool(whys),
                "--json": as_json,
            }
            check_none_of(given, "goes with --best K: it says how the best of a pool are found")
            return None
        if by is None:
            raise usage_error("--best needs --by PROPERTY:max, PROPERTY:min or PROPERTY:match:VALUE")
        try:
            goal, conditions = Goal.parse(by), tuple(map(Where.parse, where))
        except InvalidRequestError as error:
            raise usage_error(f"--{error}") from None
        return cls(best, goal, conditions, recall or DEFAULT_RECALL, in_domain, per_formula, tuple(whys), as_json)

    def of_model(self, card: ModelCard) -> "SearchPlan":
        """The plan with the full names of properties. Raises typer.Exit for one that the model lacks."""
        goal = replace(self.goal, property=_full_name("--by", self.goal.property, card))
        where = tuple(replace(one, property=_full_name("--where", one.property, card)) for one in self.where)
        return replace(self, goal=goal, where=where)


def check_none_of(given: dict[str, bool], why: str) -> None:
    """Raises typer.Exit, with the name of the first option that was given."""
    for option, is_given in given.items():
        if is_given:
            raise usage_error(f"{option} {why}")


def _full_name(option: str, name: str, card: ModelCard) -> str:
    offered = [part.name for part in card.properties]
    if name in offered:
        return name
    matching = [one for one in offered if one.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise usage_error(f"{option}: {name} may be {' or '.join(matching)}")
    raise usage_error(f"{option}: model {card.name} has no property {name}; it has {', '.join(offered)}")
