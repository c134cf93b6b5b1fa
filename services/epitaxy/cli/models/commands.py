"""``epitaxy models``: the served models and their cards."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.policy import policy_text
from epitaxy.cli.models.bases import base_text, models_on_earlier, refit_command
from epitaxy.cli.models.health import fetch_health, health_document, health_table
from epitaxy.cli.terminal import print_json_line, print_object, stderr_console, stdout_console
from epitaxy.client import ModelCard, PropertyCard

models_app = typer.Typer(name="models", help="List the served models, or show a model's card.", no_args_is_help=True)


@models_app.command("list")
def list_models(context: typer.Context, as_json: JsonOption = False, target: TargetOption = None) -> None:
    """List the served models."""
    with connect(context, target) as client:
        cards = client.list_models()
    if as_json:
        for card in cards:
            print_json_line(card)
        return
    table = Table("name", "version", "aliases", "answers", "properties", "members", "fitted on", box=None)
    for card in cards:
        names = ", ".join(part.name for part in card.properties)
        stamp = card.name, card.version, ", ".join(card.aliases)
        table.add_row(*stamp, _kinds(card), names, str(card.n_members), base_text(card))
    stdout_console().print(table)
    if old := models_on_earlier(cards):
        count = f"{len(old)} on an earlier version of the shared model"
        stderr_console().print(f"refit     {count}; to bring one up to date: {refit_command(old[0])}", soft_wrap=True)


@models_app.command("show")
def show_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME[@ALIAS|:VERSION]", help="Model to show.")],
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Show a model's card.

    A card has the model's properties, training data and held-out metrics. If you reported measurements, it also shows
    the model's performance on them.
    """
    with connect(context, target) as client:
        card = client.get_model(name)
        healths = fetch_health(client, f"{card.name}:{card.version}")
    if as_json:
        print_object(dataclasses.asdict(card) | {"health": [health_document(health) for health in healths]})
        return
    stdout_console().print(_facts(card))
    if models_on_earlier([card]):
        stderr_console().print(
            f"refit     to fit it on the present shared model: {refit_command(card)}", soft_wrap=True
        )
    stdout_console().print(_properties(card))
    for part in card.properties:
        if groups := card.errors_by_group(part.name):
            stdout_console().print(_groups(part, groups))
    if healths:
        stdout_console().print(health_table(healths))


def _facts(card: ModelCard) -> Table:
    data = card.training_data
    training = card.training
    table = Table(box=None, show_header=False)
    seed = training.get("seed")
    facts = {
        "model": f"{card.name}:{card.version}",
        "digest": card.digest,
        "created": card.create_time.strftime("%Y-%m-%d %H:%M UTC") if card.create_time else "",
        "aliases": ", ".join(card.aliases),
        "fitted on": base_text(card),
        "answers": _kinds(card),
        "description": card.description,
        "trained on": f"{data.name} ({data.license})" if data.license else data.name,
        "structures": _structures(card),
        "labels digest" if training else "attribution": data.attribution,
        "conditions": "; ".join(f"{one.name}: {one.covered}" for one in card.conditions),
        "seed": "" if seed is None else str(seed),
        "members": _members(card),
        "elements": str(len(card.supported_elements) or ""),
        "featurizer": card.featurizer_version,
        "license": card.license,
        "review policy": policy_text(card.review_policy),
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, value)
    return table


def _kinds(card: ModelCard) -> str:
    """``"molecules, polymers"``; an older server does not say."""
    return ", ".join(f"{kind}s" for kind in card.kinds)


def _structures(card: ModelCard) -> str:
    """Counts and split. A model of your own is fitted on all labels; its errors and intervals come from their folds."""
    data = card.training_data
    if card.training:
        n_measured = f"errors and intervals measured out of fold on {data.n_test:,} of them"
        return f"{data.n_train:,} labels; {n_measured}; {data.split}"
    counts = (data.n_train, data.n_validation, data.n_calibration, data.n_test)
    names = ("train", "validation", "calibration", "test")
    parts = ", ".join(f"{count:,} {name}" for count, name in zip(counts, names, strict=True))
    return f"{parts}; split {data.split}"


def _members(card: ModelCard) -> str:
    if card.n_parameters_per_member:
        return f"{card.n_members}, {card.n_parameters_per_member:,} parameters each"
    return f"{card.n_members} fits, each on all labels but a few"


def _properties(card: ModelCard) -> Table:
    table = Table("property", "unit", "level of theory", "coverage", "held-out metrics", box=None)
    for part in card.properties:
        table.add_row(part.name, part.unit, part.level_of_theory, _coverage(part), _metrics(part))
    return table


def _groups(part: PropertyCard, groups: Mapping[str, Mapping[str, float]]) -> Table:
    title = f"{part.name}: held-out errors by kind of crystal"
    at = f"coverage of {part.calibration.nominal_coverage:g}"
    table = Table("kind", "structures", f"MAE, {part.unit}", at, "mean interval width", title=title, box=None)
    for kind, errors in groups.items():
        numbers = f"{errors['mae']:.4f}", f"{errors['coverage']:.3f}", f"{errors['mean_interval_width']:.3f}"
        table.add_row(kind, f"{errors['n']:.0f}", *numbers)
    return table


def _coverage(part: PropertyCard) -> str:
    stamp = part.calibration
    if not stamp.nominal_coverage:
        return f"a probability ({stamp.n_measured} labels)"
    return f"{stamp.measured_coverage:.3f} at {stamp.nominal_coverage:g} ({stamp.n_measured} structures)"


def _metrics(part: PropertyCard) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(part.metrics.items()))
