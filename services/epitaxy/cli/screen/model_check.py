"""What a screening and a search hold against the model's card before anything is read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from epitaxy.cli.conditions import ConditionPlan
from epitaxy.cli.screen.ranking import Measurements
from epitaxy.cli.terminal import usage_error
from epitaxy.client import ModelCard
from epitaxy.client.inputs.inventory import Inventory


def exact_name(card: ModelCard) -> str | None:
    """Name and version of the model: an alias may move to another version during a long run."""
    return f"{card.name}:{card.version}" if card.name and card.version else None


def check_properties(wanted: Sequence[str], card: ModelCard) -> None:
    """Raises typer.Exit if the model lacks a property."""
    offered = [part.name for part in card.properties]
    missing = [name for name in wanted if name not in offered]
    if missing:
        raise usage_error(f"model {card.name} has no property {missing[0]}; it has {', '.join(offered)}")


def with_conditions(inventory: Inventory, conditions: ConditionPlan, card: ModelCard) -> Inventory:
    """The inputs with the columns of the conditions under which the model is asked."""
    columns = conditions.columns_for(card)
    return replace(inventory, columns=replace(inventory.columns, conditions=columns)) if columns else inventory


def read_measurements(path: Path | None, property_name: str) -> Measurements | None:
    """Measured values of a property; None without a file. Raises typer.Exit if the file does not hold them."""
    if path is None:
        return None
    try:
        return Measurements.read(path, property_name)
    except ValueError as error:
        raise usage_error(f"--measured: {error}") from None
