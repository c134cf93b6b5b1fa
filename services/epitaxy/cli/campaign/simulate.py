"""``epitaxy campaign simulate``: a finished data set played again, before the first experiment. Needs no server."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.campaign.options import (
    BatchOption,
    ObjectiveOption,
    PoolConditionOption,
    StartName,
    StartOption,
    UnitsOption,
    WhereOption,
)
from epitaxy.cli.data.progress import show_rows
from epitaxy.cli.finetune.options import OneObjectOption, StructureColumnOption
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    InputIdColumnOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console, usage_error
from epitaxy.cli.waiting import show_waiting
from epitaxy.cli.wording import split_names
from epitaxy.client import Limit, MaterialColumn, Objective
from epitaxy.client.campaigns.goals import limits_of, objectives_of
from epitaxy.client.finetune.columns import LabelCondition, conditions_of
from epitaxy.client.finetune.labels import Labels, read_labels

if TYPE_CHECKING:
    from epitaxy_models.campaigns import Found, History

_AT = (50, 100)
_HINT = "each seed chooses batch after batch, as a campaign would"


def simulate(
    data: Annotated[
        str, typer.Option("--data", metavar="FILE", help="Finished data set: a table, or a folder with CIF files.")
    ],
    objectives: ObjectiveOption,
    units: UnitsOption,
    where: WhereOption = None,
    start: StartOption = StartName.AUTO,
    batch: BatchOption = 5,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Labels of each replay.")] = 100,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Replays of each strategy.")] = 3,
    strategies: Annotated[
        list[str] | None,
        typer.Option(
            "--strategies",
            metavar="NAME,...",
            help="Strategies to compare: default, random, head (nothing learned), greedy, thompson, ...",
            show_default="default,random",
        ),
    ] = None,
    structure_column: StructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    conditions: PoolConditionOption = None,
    id_column: InputIdColumnOption = None,
    as_json: OneObjectOption = False,
) -> None:
    """Play a finished data set again.

    Says what a campaign is likely to save before the first experiment. Every strategy chooses from the rows as if their
    values were not known. Prints the share of the best 1 % that is found after 50 and 100 labels, how much better than
    random choice that is, and the labels until the first of them is found; means over the seeds. Needs no server.

    Rows are candidates under their conditions: one alloy at two temperatures is two. Rows of one molecule, polymer or
    composition under one condition are one candidate, with the mean of their values.

    Exit code 0, or 3 if some rows could not be used.
    """
    goals, limits = objectives_of(objectives, units), limits_of(where or ())
    names = split_names(strategies) or ["default", "random"]
    with _reporting_errors():
        from epitaxy_models.campaigns.finished import check_strategies  # noqa: PLC0415 - not on a client's machine

        check_strategies(names)
        under = conditions_of(conditions or ())
        material = material_column_of(smiles, polymers, compositions, elements)
        labels = _read(data, goals, limits, material or structure_column, id_column, under)
        history, n_refused = _history(labels, Aims(goals, limits, start), {entry.name: entry.unit for entry in under})
        found = {name: _play(history, name, batch, budget, seeds) for name in names}
    document = _document(history, found, batch, budget, seeds, n_refused)
    if as_json:
        print_object(document)
    else:
        _print(document)
    raise typer.Exit(exit_codes.SOME_REFUSED if n_refused else exit_codes.ALL_ANSWERED)


def _read(
    data: str,
    goals: Sequence[Objective],
    limits: Sequence[Limit],
    where: str | MaterialColumn,
    id_column: str | None,
    conditions: Sequence[LabelCondition],
) -> Labels:
    """The rows that have all values."""
    columns = list(dict.fromkeys([*(goal.property for goal in goals), *(limit.property for limit in limits)]))
    return read_labels(data, columns, where, id_column, conditions)


@dataclass(frozen=True, slots=True)
class Aims:
    """What is looked for, and how to begin."""

    goals: Sequence[Objective]
    limits: Sequence[Limit]
    start: StartName


def _history(labels: Labels, aims: Aims, units: Mapping[str, str]) -> tuple["History", int]:
    """The data set with its features, and the number of rows with values whose material cannot be used.

    ``units`` are those of conditions, by name.
    """
    from epitaxy.cli.campaign.finished import FinishedRows  # noqa: PLC0415 - not installed on a client's machine
    from epitaxy_models.campaigns import Limit as PlannerLimit  # noqa: PLC0415
    from epitaxy_models.campaigns import Objective as PlannerObjective  # noqa: PLC0415
    from epitaxy_models.campaigns import StartName as PlannerStart  # noqa: PLC0415

    rows = FinishedRows.of(labels)
    for name, why in rows.refused[:5]:
        stderr_console().print(f"refused   {name}: {why.reason}: {why.message}", soft_wrap=True)
    with show_rows(stderr_console(), "featurizing", len(rows.materials)) as report:
        history = rows.history(
            [PlannerObjective.parse(str(goal), goal.unit) for goal in aims.goals],
            [PlannerLimit(limit.property, limit.limit, limit.is_upper) for limit in aims.limits],
            PlannerStart(aims.start.value),
            units,
            lambda n_done: report.at(n_done, len(rows.materials)),
        )
    return history, len(rows.refused)


def _play(history: "History", name: str, batch: int, budget: int, seeds: int) -> "Found":
    from epitaxy_models.campaigns.finished import play  # noqa: PLC0415 - not installed on a client's machine

    times = f"{seeds} seeds" if seeds > 1 else "one seed"
    with show_waiting(f"playing {name} with {times}", _HINT), warnings.catch_warnings():
        # BoTorch's own dependencies call torch.jit.script while they are imported.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        return play(history, name, batch, budget, seeds, _AT)


def _document(
    history: "History", found: dict[str, "Found"], batch: int, budget: int, seeds: int, n_refused: int
) -> dict[str, Any]:
    return {
        "strategies": {name: _strategy(one) for name, one in found.items()},
        "n_candidates": history.pool.n_candidates,
        "n_best": int(history.is_best().sum()),
        "n_refused": n_refused,
        "objectives": list(map(str, history.objectives)),
        "start": str(history.start.name),
        "heads": {name: answer.source for name, answer in history.heads.items()},
        "batch": batch,
        "budget": budget,
        "seeds": seeds,
    }


def _strategy(found: "Found") -> dict[str, float]:
    document = {f"recall_at_{n}": found.recall[n] for n in _AT}
    document |= {f"enhancement_at_{n}": found.enhancement[n] for n in _AT}
    document["labels_to_first"] = found.labels_to_first
    document |= {f"hypervolume_at_{n}": share for n, share in found.hypervolume.items()}
    return document


def _print(document: dict[str, Any]) -> None:
    console, rows = stdout_console(), document["strategies"]
    console.print(
        f"{document['n_candidates']} candidates, the best 1 % are {document['n_best']}; "
        f"batches of {document['batch']}, {document['budget']} labels, means over {document['seeds']} seeds",
        soft_wrap=True,
    )
    has_volumes = any("hypervolume_at_50" in row for row in rows.values())
    table = Table("strategy", box=None)
    for title in ("best 1 % after 50", "after 100", "times random at 50", "labels to the first"):
        table.add_column(title, justify="right")
    if has_volumes:
        table.add_column("hypervolume after 50", justify="right")
        table.add_column("after 100", justify="right")
    for name, row in rows.items():
        cells = [f"{row['recall_at_50']:.0%}", f"{row['recall_at_100']:.0%}", f"{row['enhancement_at_50']:.1f}"]
        cells.append(f"{row['labels_to_first']:.0f}")
        volumes = [f"{row[f'hypervolume_at_{n}']:.0%}" for n in _AT] if has_volumes else []
        table.add_row(name, *cells, *volumes)
    console.print(table)
    if {"default", "random"} <= rows.keys():
        console.print(_saving(rows["default"], rows["random"]), soft_wrap=True)


def _saving(default: dict[str, float], random: dict[str, float]) -> str:
    """What a campaign is likely to save, in one sentence."""
    ours, chance = default["labels_to_first"], random["labels_to_first"]
    saved = chance - ours
    if saved <= 0:
        return "On data like these a campaign is not likely to find the best sooner than random choice."
    return (
        f"On data like these a campaign is likely to find the first of the best 1 % after {ours:.0f} labels instead of "
        f"{chance:.0f}: it saves {saved:.0f} measurements of {chance:.0f}."
    )


@contextmanager
def _reporting_errors() -> Iterator[None]:
    """One line and an exit code for errors: 2 for a mistake in the request or the data, 1 for what is not installed."""
    try:
        from epitaxy_models.errors import ConfigurationError, UnsupportedElementError  # noqa: PLC0415

        try:
            yield
        except (ConfigurationError, UnsupportedElementError) as error:
            raise usage_error(f"{error.reason}: {error}") from error
    except ModuleNotFoundError as error:
        stderr_console().print(f"epitaxy: a replay needs {error.name}: pip install 'epitaxy[campaigns,client]'")
        raise typer.Exit(exit_codes.RUN_FAILED) from error
