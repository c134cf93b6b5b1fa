"""Batches and outlooks of one campaign, by the planner of the science."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.campaigns.domain.events import Neighbour, Outlook, Predicted
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.domain.spec import Acquisition, Start
from epitaxy.campaigns.planning.knowledge import knowledge_of, planner_limits, planner_objective
from epitaxy.campaigns.pool.table import PoolTable
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.campaigns import (
    AcquisitionName,
    Choice,
    HeadAnswer,
    Knowledge,
    Planner,
    PoolBlocks,
    StartName,
    advise,
    head_answer,
)
from epitaxy_models.campaigns import Start as PlannerStart
from epitaxy_models.transfer.conditions.blocks import condition_blocks
from epitaxy_models.transfer.inputs import ESTIMATES, FIDELITIES, SUBSTRATE
from epitaxy_models.transfer.strategies.block_gp import scale_of
from epitaxy_models.transfer.strategies.block_scaling import BlockScale

_N_SAMPLE = 10_000
_ACQUISITIONS = {
    Acquisition.AUTO: AcquisitionName.AUTO,
    Acquisition.EXPECTED_IMPROVEMENT: AcquisitionName.EXPECTED_IMPROVEMENT,
    Acquisition.UPPER_CONFIDENCE_BOUND: AcquisitionName.UPPER_BOUND,
    Acquisition.THOMPSON: AcquisitionName.THOMPSON,
    Acquisition.LARGEST_UNCERTAINTY: AcquisitionName.UNCERTAINTY,
    Acquisition.GREEDY: AcquisitionName.GREEDY,
    Acquisition.RANDOM: AcquisitionName.RANDOM,
}
_STARTS = {
    Start.AUTO: StartName.AUTO,
    Start.HEAD: StartName.HEAD,
    Start.DIVERSE: StartName.DIVERSE,
    Start.RANDOM: StartName.RANDOM,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch before it has tickets.

    Attributes:
        state: Of the planner after the choice, as plain containers.
    """

    choices: Sequence[Choice]
    state: Mapping[str, Any]
    outlook: Outlook


class CampaignPlanner:
    """Plans for one pool: the same record gives the same plan, whatever was asked before."""

    def __init__(self, table: PoolTable) -> None:
        self.table = table
        blocks: dict[str, Any] = {name: table.features.block(name, table.n_rows) for name in table.features.mark.blocks}
        blocks |= condition_blocks(table.learned_conditions, table.conditions, table.n_rows)
        self._blocks = PoolBlocks(blocks, _scales(table, blocks))
        self._answers: dict[tuple[str, str], HeadAnswer | None] = {}

    def plan(self, record: CampaignRecord, n_wanted: int) -> Plan:
        """The next batch, fewer candidates if fewer are open."""
        planner, known = self._planner(record), self._knowledge(record)
        choices = planner.recommend(known, n_wanted)
        state = planner.state()
        return Plan(choices, state, self._outlook(record, planner, known, choices))

    def outlook(self, record: CampaignRecord) -> Outlook:
        """What the campaign knows of itself now, for a batch of its usual size."""
        planner, known = self._planner(record), self._knowledge(record)
        choices = planner.recommend(known, record.known_spec.batch_size)
        return self._outlook(record, planner, known, choices)

    def predicted(self, record: CampaignRecord, choice: Choice) -> tuple[Predicted, ...]:
        """What goes on record of a choice."""
        units = {entry.property: entry.unit for entry in record.objectives}
        return tuple(
            Predicted(name, units.get(name, ""), value, choice.lower[name], choice.upper[name], DEFAULT_COVERAGE)
            for name, value in choice.values.items()
        )

    def neighbours(self, record: CampaignRecord, choice: Choice) -> tuple[Neighbour, ...]:
        """The nearest measured candidates with their mean results."""
        return tuple(
            Neighbour(
                near.candidate, self.table.row(near.candidate).id, near.distance, means_of(record, near.candidate)
            )
            for near in choice.nearest
        )

    def utility_draws(self, record: CampaignRecord, n_draws: int, most_rows: int) -> NDArray[np.float64] | None:
        """What candidates may be worth by the models, ``[n_draws, n_rows, n_objectives]``, more is better.

        At most ``most_rows`` evenly spread candidates; measured ones have what was measured. None without models.
        """
        planner, known = self._planner(record), self._knowledge(record)
        if not planner.has_model(known):
            return None
        rows = np.flatnonzero(self.table.is_candidate)
        rows = rows[:: -(-len(rows) // most_rows)]
        generator = np.random.default_rng(record.known_spec.seed)
        draws = []
        for objective, estimate in zip(planner.objectives, planner.estimates(known), strict=False):
            means, stds = estimate.process.marginals(rows)
            values = estimate.to_unit(means + stds * generator.standard_normal((n_draws, len(rows))))
            for place, row in enumerate(rows.tolist()):
                measured = means_of(record, row).get(objective.name)
                if measured is not None:
                    values[:, place] = measured
            draws.append(objective.utility(values))
        return np.stack(draws, axis=2)

    def _planner(self, record: CampaignRecord) -> Planner:
        spec = record.known_spec
        planner = Planner(
            self._blocks,
            [planner_objective(entry) for entry in record.objectives],
            PlannerStart(_STARTS[spec.start]),
            _ACQUISITIONS[spec.acquisition],
            spec.seed,
            planner_limits(record, self.table),
            self._heads(record),
        )
        planner.restore(record.planner)
        return planner

    def _knowledge(self, record: CampaignRecord) -> Knowledge:
        budget = record.known_spec.budget
        return knowledge_of(record, self.table, record.left() if budget is not None and budget.is_cost else None)

    def _heads(self, record: CampaignRecord) -> dict[str, HeadAnswer]:
        """What the substrate itself says of the objectives, by property, where it says anything."""
        columns = self.table.features.mark.columns
        heads, fidelities = columns.get(SUBSTRATE, ()), columns.get(FIDELITIES, ())
        found = {}
        for objective in record.objectives:
            key = (objective.property, objective.unit)
            if key not in self._answers:
                narrow = [name for name in (SUBSTRATE, FIDELITIES, ESTIMATES) if name in self._blocks.blocks]
                values = {name: self._blocks.blocks[name][:] for name in narrow}
                self._answers[key] = head_answer(*key, values, heads, fidelities)
            answer = self._answers[key]
            if answer is not None:
                found[objective.property] = answer
        return found

    def _again(self, rows: Sequence[int]) -> str:
        return f"; measure again: {', '.join(self.table.row(row).id for row in rows)}" if rows else ""

    def _outlook(
        self, record: CampaignRecord, planner: Planner, known: Knowledge, choices: Sequence[Choice]
    ) -> Outlook:
        first, margin = record.objectives[0].property, record.known_spec.margin
        found = advise(planner, known, choices, None if margin is None else {first: margin})
        is_replicate = bool(found.replicates)
        if not math.isfinite(found.chance_better):
            advice = "GO_ON"
        else:
            advice = "REPLICATE" if is_replicate else "GO_ON" if found.go_on else "STOP"
        return Outlook(
            better_left=_finite(found.chance_better),
            margin=_finite(found.margin.get(first, 0.0)) or 0.0,
            expected_gain=_finite(found.expected_gain),
            advice=advice,
            message=found.reason + self._again(found.replicates),
            best=tuple((best.candidate, self.table.row(best.candidate).id, dict(best.values)) for best in found.best),
            speaking={name: str(belief.speaker) for name, belief in planner.beliefs.items()},
            replicates=tuple(found.replicates),
        )


def means_of(record: CampaignRecord, row: int) -> dict[str, float]:
    """Mean results of a row by property."""
    values: dict[str, list[float]] = {}
    for place in record.by_row.get(row, ()):
        held = record.readings[place]
        if not held.is_retracted:
            for name, measured in held.reading.values.items():
                values.setdefault(name, []).append(measured.value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def _scales(table: PoolTable, blocks: Mapping[str, Any]) -> dict[str, BlockScale]:
    """Learned from evenly spread rows that have features: those of refused rows are zero."""
    rows = np.flatnonzero(table.standing == np.arange(table.n_rows))
    rows = rows[:: -(-len(rows) // _N_SAMPLE)]
    return {name: scale_of(name, block[rows].astype(np.float64)) for name, block in blocks.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
