"""Conditions on the command line: which columns hold them, and values for all structures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from epitaxy.cli.terminal import usage_error
from epitaxy.client import InvalidRequestError, ModelCard
from epitaxy.client.inputs.conditions import ConditionColumn, condition_columns, parse_value

ConditionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition",
        metavar="NAME=COLUMN[:UNIT]",
        help="Column of a condition that the model reads; may be repeated.",
        show_default="columns named like the model's conditions",
    ),
]
AtOption = Annotated[
    list[str] | None,
    typer.Option(
        "--at",
        metavar="NAME=VALUE[:UNIT]",
        help="Value of a condition for all structures, such as temperature=25:degC; may be repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class ConditionPlan:
    """Conditions as the command line states them.

    Attributes:
        columns: Columns by ``--condition``.
        values: Values by ``--at``, as ``Client.screen`` takes them.
    """

    columns: tuple[ConditionColumn, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[str] | None, values: Sequence[str] | None) -> "ConditionPlan":
        """From the texts of both options. Raises typer.Exit, having told the mistake."""
        try:
            found = condition_columns(columns or ())
            given = [parse_value(text) for text in values or ()]
        except InvalidRequestError as error:
            raise usage_error(str(error)) from None
        names = [*(column.name for column in found), *(name for name, _ in given)]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise usage_error(f"condition {repeated} is given twice: give one column or one value")
        return cls(found, dict(given))

    def columns_for(self, card: ModelCard) -> tuple[ConditionColumn, ...]:
        """All columns to read: those given, and those named like the other conditions of the model, where they are."""
        known = {condition.name for condition in card.conditions}
        named = {*(column.name for column in self.columns), *self.values}
        for name in sorted(named - known):
            offered = ", ".join(sorted(known)) or "none"
            raise usage_error(f"model {card.name} has no condition {name!r}; it has {offered}")
        others = (condition.name for condition in card.conditions if condition.name not in named)
        return (*self.columns, *(ConditionColumn(name, name, is_required=False) for name in others))

    def as_record(self) -> dict[str, Any]:
        """Plain containers; empty if nothing is given."""
        columns = [[entry.name, entry.column, entry.unit] for entry in self.columns]
        values = [[name, list(value) if isinstance(value, tuple) else value] for name, value in self.values.items()]
        return ({"conditions": columns} if columns else {}) | ({"at": values} if values else {})
