"""What a record says, in the planner's terms: rows, readings, what is open."""

from dataclasses import replace

import numpy as np

from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.domain.scores import first_result
from epitaxy.campaigns.domain.spec import Goal, Objective
from epitaxy.campaigns.pool.rules import allowed_rows
from epitaxy.campaigns.pool.table import PoolTable
from epitaxy_models.campaigns import Goal as PlannerGoal
from epitaxy_models.campaigns import Knowledge, Limit, Prediction, Prequential
from epitaxy_models.campaigns import Objective as PlannerObjective

_GOALS = {
    Goal.MAXIMIZE: PlannerGoal.MAXIMIZE,
    Goal.MINIMIZE: PlannerGoal.MINIMIZE,
    Goal.MATCH: PlannerGoal.MATCH,
    Goal.BAND: PlannerGoal.BAND,
}


def planner_objective(objective: Objective) -> PlannerObjective:
    """An objective as the planner has it."""
    low, high = objective.low, objective.high
    if objective.goal is Goal.MATCH:
        low = high = objective.target
    if objective.goal not in (Goal.MATCH, Goal.BAND):
        low = high = 0.0
    return PlannerObjective(objective.property, objective.unit, _GOALS[objective.goal], low, high)


def planner_limits(record: CampaignRecord, table: PoolTable) -> list[Limit]:
    """Constraints on properties that only results tell: the others leave candidates out before."""
    objectives = {entry.property for entry in record.objectives}
    known = {*table.known_columns, *(name for name, _ in table.features.mark.estimates)}
    return [
        Limit(entry.property, entry.limit, entry.is_upper)
        for entry in record.constraints
        if entry.property in objectives or entry.property not in known
    ]


def knowledge_of(record: CampaignRecord, table: PoolTable, most_cost: float | None = None) -> Knowledge:
    """What is known of the rows of a table; a copy's results are those of the row that stands for it.

    ``most_cost`` closes candidates that cost more.
    """
    readings = [held.reading for held in record.measured() if _is_usable(table, held.reading.row)]
    rows = np.array([table.standing[reading.row] for reading in readings], dtype=np.int64)
    names = sorted({name for reading in readings for name in reading.values} | set(_wanted(record)))
    values = {name: np.full(len(readings), np.nan) for name in names}
    stds = {name: np.full(len(readings), np.nan) for name in names}
    for place, reading in enumerate(readings):
        for name, measured in reading.values.items():
            values[name][place] = measured.value
            stds[name][place] = measured.std or np.nan
    allowed, _ = allowed_rows(table, record.known_spec.rules, record.constraints, frozenset(_wanted(record)))
    closed = [table.standing[row] for row in record.excluded if row < table.n_rows]
    allowed[[row for row in closed if row >= 0]] = False
    if most_cost is not None:
        allowed &= table.costs <= most_cost
    return Knowledge(
        candidates=rows,
        values=values,
        stds=stds,
        failed=_standing(table, record.failed_rows()),
        pending=_standing(table, [held.ticket.row for held in record.pending()]),
        allowed=allowed,
        costs=np.maximum(table.costs, 1e-12) if record.known_spec.is_cost_aware else None,
        record=predictions_of(record),
    )


def predictions_of(record: CampaignRecord) -> Prequential:
    """All predictions on record with the first result of each."""
    found = []
    for held in record.tickets.values():
        for plain in held.ticket.record:
            prediction = Prediction.from_json(plain)
            found.append(replace(prediction, result=first_result(record, held, prediction.name)))
    return Prequential(tuple(found))


def _wanted(record: CampaignRecord) -> list[str]:
    return [entry.property for entry in record.objectives]


def _is_usable(table: PoolTable, row: int) -> bool:
    return row < table.n_rows and table.standing[row] >= 0


def _standing(table: PoolTable, rows: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([table.standing[row] for row in rows if _is_usable(table, row)], dtype=np.int64)
