"""Text and JSON for campaigns, batches and outcomes."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from epitaxy.cli.terminal import stderr_console, stdout_console
from epitaxy.client import Batch, Campaign, ConditionValue, Recommendation, ResultReport

_SHOWN = 10
_SPOKEN = {"GO_ON": "go on", "STOP": "stop", "REPLICATE": "measure the best again", "UNSPECIFIED": "none yet"}


def campaign_document(campaign: Campaign) -> dict[str, Any]:
    """A campaign as a JSON object; null stands for what is not known yet."""
    outlook = campaign.outlook
    is_judged = outlook.n_predicted > 0
    return {
        "name": campaign.name,
        "state": campaign.state,
        "objectives": [
            {"objective": str(objective), "property": objective.property, "unit": objective.unit}
            for objective in campaign.objectives
        ],
        "where": list(campaign.limits),
        "best": [dataclasses.asdict(best) for best in campaign.best],
        "labels": campaign.n_results,
        "labels_by_property": dict(campaign.n_labels),
        "failed": campaign.n_failed,
        "pending": campaign.n_pending,
        "batches": campaign.n_batches,
        "batch_size": campaign.batch_size,
        "spent": campaign.spent,
        "left": campaign.left,
        "expected_gain": outlook.expected_gain,
        "chance_better_left": outlook.better_left_probability,
        "margin": outlook.margin,
        "advice": outlook.advice,
        "message": outlook.message,
        "coverage": outlook.coverage if is_judged else None,
        "nominal_coverage": outlook.nominal_coverage,
        "n_predicted": outlook.n_predicted,
        "mean_absolute_error": dict(outlook.mean_absolute_error),
        "last_expected_gain": outlook.last_expected_gain,
        "last_gain": outlook.last_gain,
        "speaking": dict(outlook.speaking),
        "since_batch": dict(outlook.since_batch),
        "pool": dataclasses.asdict(campaign.pool),
        "seed": campaign.seed,
        "failure": dataclasses.asdict(campaign.failure) if campaign.failure else None,
        "created_at": campaign.create_time.isoformat() if campaign.create_time else None,
        "updated_at": campaign.update_time.isoformat() if campaign.update_time else None,
        "last_sequence": campaign.last_sequence,
    }


def batch_document(batch: Batch) -> dict[str, Any]:
    """A batch as a JSON object."""
    return {"batch": [_recommendation_document(one) for one in batch], "notes": list(batch.notes)}


def report_document(report: ResultReport) -> dict[str, Any]:
    """What became of results as a JSON object."""
    counts: dict[str, int] = {}
    for outcome in report.outcomes:
        counts[outcome.outcome] = counts.get(outcome.outcome, 0) + 1
    return {
        "recorded": counts.get("RECORDED", 0) + counts.get("RECORDED_LATE", 0),
        "late": counts.get("RECORDED_LATE", 0),
        "repeated": counts.get("REPEATED", 0),
        "refused": [
            {
                "row": outcome.index,
                "ticket": outcome.ticket,
                "id": outcome.id,
                "reason": outcome.error.reason,
                "message": outcome.error.message,
            }
            for outcome in report.refused
            if outcome.error is not None
        ],
        "empty": report.n_empty,
        "outcomes": [dataclasses.asdict(outcome) for outcome in report.outcomes],
        "labels": report.campaign.n_results if report.campaign else None,
    }


def print_campaign(campaign: Campaign) -> None:
    """Prints where a campaign stands."""
    console, pool, outlook = stdout_console(), campaign.pool, campaign.outlook
    console.print(f"{campaign.name}  {campaign.state}", soft_wrap=True)
    goals = ", ".join(f"{objective} ({objective.unit})" for objective in campaign.objectives)
    console.print(f"after     {goals}{''.join(f', {limit}' for limit in campaign.limits)}", soft_wrap=True)
    console.print(f"pool      {_pool_text(campaign)}", soft_wrap=True)
    for rule, count in pool.n_left_out.items():
        console.print(f"          {count} left out by {rule}")
    for reason, count in pool.refusals.items():
        console.print(f"          {count} refused: {reason}")
    left = "" if campaign.left is None else f", {campaign.left:g} left of the budget"
    console.print(
        f"results   {campaign.n_results} measured, {campaign.n_failed} failed, {campaign.n_pending} pending, "
        f"{campaign.n_batches} batches{left}",
        soft_wrap=True,
    )
    if campaign.failure is not None:
        console.print(f"failure   {campaign.failure.reason}: {campaign.failure.message}", soft_wrap=True)
    for best in campaign.best[:_SHOWN]:
        console.print(f"best      {best.id} {best.formula}  {_values_text(best.values, best.measured)}", soft_wrap=True)
    if outlook.better_left_probability is not None and outlook.expected_gain is not None:
        console.print(
            f"outlook   the next batch is expected to gain {number_text(outlook.expected_gain)}; chance that something "
            f"better by {number_text(outlook.margin)} is left: {outlook.better_left_probability:.0%}",
            soft_wrap=True,
        )
    if outlook.n_predicted:
        console.print(
            f"intervals {outlook.coverage:.0%} of {outlook.n_predicted} results lie inside, promised "
            f"{outlook.nominal_coverage:.0%}",
            soft_wrap=True,
        )
    for name, speaker in outlook.speaking.items():
        if name in outlook.since_batch:
            since = f" since batch {outlook.since_batch[name]}"
            console.print(f"fallback  {name}: the {speaker} model speaks{since}", soft_wrap=True)
    advice = _SPOKEN.get(outlook.advice, outlook.advice)
    console.print(f"advice    {advice}{f': {outlook.message}' if outlook.message else ''}", soft_wrap=True)


def campaigns_table(campaigns: list[Campaign]) -> Table:
    """Table of campaigns with one row for each."""
    table = Table("campaign", "state", "objectives", box=None)
    for name in ("pool", "results", "pending", "left"):
        table.add_column(name, justify="right")
    table.add_column("advice")
    for campaign in campaigns:
        table.add_row(
            campaign.name,
            campaign.state,
            ", ".join(map(str, campaign.objectives)),
            str(campaign.pool.n_candidates),
            str(campaign.n_results),
            str(campaign.n_pending),
            "" if campaign.left is None else f"{campaign.left:g}",
            _SPOKEN.get(campaign.outlook.advice, campaign.outlook.advice),
        )
    return table


def print_batch(batch: Batch) -> None:
    """Prints a batch, and how to report it."""
    conditions = list(dict.fromkeys(one.name for entry in batch for one in entry.conditions))
    table = Table("ticket", "id", "formula", *conditions, box=None)
    names = list(dict.fromkeys(one.property for entry in batch for one in entry.predictions))
    units = {one.property: one.unit for entry in batch for one in entry.predictions}
    for name in names:
        table.add_column(f"{name}, {units[name]}", justify="right")
        table.add_column("interval")
    table.add_column("domain")
    table.add_column("reason", overflow="fold")
    for entry in batch:
        under = {one.name: condition_text(one) for one in entry.conditions}
        told = [under.get(name, "") for name in conditions]
        cells = _cells(entry, names)
        table.add_row(entry.ticket, entry.id, entry.formula, *told, *cells, entry.domain_verdict, entry.reason)
    stdout_console().print(table)
    print_notes(batch)


def print_notes(batch: Batch) -> None:
    """Prints what is to be known about a batch."""
    for note in batch.notes:
        stderr_console().print(f"note      {note}", soft_wrap=True)


def print_report(report: ResultReport) -> None:
    """Prints what became of results."""
    document, console = report_document(report), stdout_console()
    late = f" ({document['late']} of them late)" if document["late"] else ""
    console.print(f"recorded  {document['recorded']}{late}")
    if document["repeated"]:
        console.print(f"repeated  {document['repeated']}: known already, they count once")
    if report.n_empty:
        rows = "row holds" if report.n_empty == 1 else "rows hold"
        console.print(f"empty     {report.n_empty} {rows} no result yet")
    for entry in document["refused"][:_SHOWN]:
        name = entry["id"] or entry["ticket"] or f"row {entry['row']}"
        console.print(f"refused   {name}: {entry['reason']}: {entry['message']}", soft_wrap=True)
    if len(document["refused"]) > _SHOWN:
        console.print(f"          and {len(document['refused']) - _SHOWN} more; use --json for all of them")


def number_text(value: float | None) -> str:
    """Formats a number with four significant digits, since units differ by orders of magnitude."""
    return "unknown" if value is None or math.isnan(value) else f"{value:.4g}"


def condition_text(given: ConditionValue) -> str:
    """The value of a condition with its unit."""
    return given.value if isinstance(given.value, str) else f"{given.value:g} {given.unit}".strip()


def _recommendation_document(entry: Recommendation) -> dict[str, Any]:
    predictions = entry.predictions
    return {
        "ticket": entry.ticket,
        "id": entry.id,
        "formula": entry.formula,
        "conditions": {one.name: {"value": one.value, "unit": one.unit} for one in entry.conditions},
        "values": {one.property: one.value for one in predictions},
        "lower": {one.property: one.lower for one in predictions},
        "upper": {one.property: one.upper for one in predictions},
        "units": {one.property: one.unit for one in predictions},
        "coverage": predictions[0].coverage if predictions else None,
        "score": entry.score,
        "reason": entry.reason,
        "exploitation": entry.exploitation,
        "exploration": 1.0 - entry.exploitation,
        "success_probability": entry.success_probability,
        "domain": entry.domain_verdict,
        "domain_score": entry.domain_score,
        "nearest": [dataclasses.asdict(one) for one in entry.nearest],
        "blocks": dict(entry.blocks),
        "cost": entry.cost,
        "is_replicate": entry.is_replicate,
        "expires_at": entry.expire_time.isoformat() if entry.expire_time else None,
    }


def _pool_text(campaign: Campaign) -> str:
    pool = campaign.pool
    parts = [f"{pool.n_candidates} candidates", f"{pool.n_ready} ready", f"{pool.n_open} open"]
    parts += [f"{pool.n_copies} copies"] if pool.n_copies else []
    parts += [f"{pool.n_refused} refused"] if pool.n_refused else []
    return ", ".join(parts)


def _values_text(values: Mapping[str, float], measured: Mapping[str, float]) -> str:
    texts = []
    for name, value in values.items():
        seen = f" (measured {number_text(measured[name])})" if name in measured else ""
        texts.append(f"{name} {number_text(value)} expected{seen}")
    return ", ".join(texts)


def _cells(entry: Recommendation, names: list[str]) -> list[str]:
    known = {one.property: one for one in entry.predictions}
    cells = []
    for name in names:
        one = known.get(name)
        cells += ["", ""] if one is None else [number_text(one.value), f"{one.lower:.4g} to {one.upper:.4g}"]
    return cells
