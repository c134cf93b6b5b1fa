"""What a log says of the campaign's own honesty: fallbacks, and gains that were expected and came."""

import math
from collections.abc import Sequence

import numpy as np

from epitaxy.campaigns.domain.events import TRANSFERRED
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.domain.spec import Objective
from epitaxy.campaigns.planning.knowledge import planner_objective, predictions_of
from epitaxy_models.campaigns.front import hypervolume, reference_point


def fallbacks_of(record: CampaignRecord) -> dict[str, int]:
    """The batch since which another model than the transferred one speaks, by property."""
    since: dict[str, int] = {}
    for batch in record.batches:
        for name, speaker in batch.recommended.outlook.speaking.items():
            if speaker == TRANSFERRED:
                since.pop(name, None)
            else:
                since.setdefault(name, batch.recommended.number)
    return since


def pool_coverage_of(record: CampaignRecord) -> dict[str, float]:
    """Share of intervals that would hold over the whole pool, by property: chosen candidates are those that look good.

    A property of which a part of the pool has no result yet is left out.
    """
    predictions = predictions_of(record)
    found = {entry.property: predictions.coverage(entry.property).pool for entry in record.objectives}
    return {name: share for name, share in found.items() if math.isfinite(share)}


def best_so_far(record: CampaignRecord, until_batch: int | None = None) -> list[float]:
    """Utility of the best after each counted result of all objectives, in the order of the log.

    One objective: in its unit, more is better. Several: hypervolume over a reference point a tenth below the worst of
    all results. Results of later batches than ``until_batch`` are left out.
    """
    utilities = utilities_of(record, record.objectives)
    if not len(utilities):
        return []
    batches = [_batch(record, place) for place in complete_places(record, record.objectives)]
    kept = [row for row, batch in enumerate(batches) if until_batch is None or batch <= until_batch]
    if utilities.shape[1] == 1:
        return list(np.maximum.accumulate(utilities[kept, 0])) if kept else []
    reference = reference_point(utilities)
    return [hypervolume(utilities[kept[: number + 1]], reference) for number in range(len(kept))]


def gains_of(record: CampaignRecord, batch: int | None = None) -> tuple[float | None, float | None]:
    """The gain that a batch (the last one) was expected to bring, and what it brought; None where nothing is known."""
    number = len(record.batches) if batch is None else batch
    if not number:
        return None, None
    expected = record.batches[number - 1].recommended.outlook.expected_gain
    before, after = best_so_far(record, number - 1), best_so_far(record, number)
    if not before or len(after) == len(before):
        return expected, None
    return expected, max(0.0, max(after) - max(before))


def complete_places(record: CampaignRecord, objectives: Sequence[Objective]) -> list[int]:
    """Places of counted results that have a value of every objective."""
    names = {entry.property for entry in objectives}
    return [
        place
        for place, held in enumerate(record.readings)
        if not held.is_retracted and names <= set(held.reading.values)
    ]


def utilities_of(
    record: CampaignRecord, objectives: Sequence[Objective]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """How good complete results are, in each objective's unit, more is better, ``[n_results, n_objectives]``."""
    readings = [record.readings[place].reading for place in complete_places(record, objectives)]
    columns = [
        planner_objective(entry).utility(np.array([reading.values[entry.property].value for reading in readings]))
        for entry in objectives
    ]
    return np.stack(columns, axis=1) if readings else np.zeros((0, len(objectives)))


def _batch(record: CampaignRecord, place: int) -> int:
    """Batch that a result answers; of one without a ticket the batches before it."""
    held = record.readings[place]
    return record.tickets[held.reading.ticket].batch if held.reading.ticket else held.n_batches
