"""What a record is compared with: random choice from the same pool, and the map of what was tried."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.planning.insight import complete_places, utilities_of
from epitaxy.campaigns.planning.knowledge import planner_objective
from epitaxy.campaigns.planning.planner import CampaignPlanner
from epitaxy_models.campaigns.front import hypervolume, reference_point
from epitaxy_models.transfer.inputs import EMBEDDING

_N_DRAWS = 64
_MOST_RESULTS, _MOST_BACKGROUND, _MOST_DRAWN = 200, 2000, 5000


def random_choice(planner: CampaignPlanner, record: CampaignRecord) -> list[dict[str, float]]:
    """Best so far after each number of results if candidates were drawn at random: mean and 90 % band over draws.

    Unmeasured candidates have values drawn from the final model; a front is told by its hypervolume.
    """
    n_results = min(len(complete_places(record, record.objectives)), _MOST_RESULTS)
    draws = planner.utility_draws(record, _N_DRAWS, _MOST_DRAWN)
    if n_results == 0 or draws is None:
        return []
    reference = reference_point(utilities_of(record, record.objectives))
    generator = np.random.default_rng(record.known_spec.seed)
    curves = np.stack([_curve(draw[generator.permutation(len(draw))[:n_results]], reference) for draw in draws])
    low, high = np.quantile(curves, [0.05, 0.95], axis=0)
    sign = _sign(record)
    rows = zip(sign * curves.mean(axis=0), sign * low, sign * high, strict=True)
    return [
        {"n_results": number, "mean": float(mean), "low": float(min(one, two)), "high": float(max(one, two))}
        for number, (mean, one, two) in enumerate(rows, start=1)
    ]


def map_of(planner: CampaignPlanner, record: CampaignRecord) -> dict[str, Any]:
    """Two main directions of the pool's embedding: some of the pool, and what was tried."""
    table = planner.table
    name = EMBEDDING if EMBEDDING in table.features.mark.blocks else next(iter(table.features.mark.blocks))
    block = table.features.block(name, table.n_rows)
    usable = np.flatnonzero(table.standing == np.arange(table.n_rows))
    rows = usable[:: max(1, -(-len(usable) // _MOST_BACKGROUND))]
    background = block[rows].astype(np.float64)
    centre, spread = background.mean(axis=0), background.std(axis=0) + 1e-9
    _, _, axes = np.linalg.svd((background - centre) / spread, full_matrices=False)
    axes = axes[:2].T if len(axes) > 1 else np.zeros((block.shape[1], 2))
    ids = {held.reading.row: held.reading.id for held in record.counted()}
    ids |= {held.ticket.row: held.ticket.id for held in record.pending()}
    tried = [row for row in ids if row < table.n_rows and table.standing[row] >= 0]
    standing = table.standing[tried].astype(np.int64) if tried else np.empty(0, dtype=np.int64)
    places = ((block[standing].astype(np.float64) - centre) / spread) @ axes
    points = [
        {"id": ids[row], "x": float(place[0]), "y": float(place[1])} for row, place in zip(tried, places, strict=True)
    ]
    shown = ((background - centre) / spread) @ axes
    return {
        "background": np.round(shown, 4).tolist(),
        "points": points,
        "axes": f"two main directions of the {name.replace('_', ' ')}",
    }


def _curve(utilities: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    if utilities.shape[1] == 1:
        return np.asarray(np.maximum.accumulate(utilities[:, 0]))
    return np.array([hypervolume(utilities[: number + 1], reference) for number in range(len(utilities))])


def _sign(record: CampaignRecord) -> float:
    """Utilities of all goals but a maximum are negative, or negative distances: the record tells them without sign."""
    is_maximum = planner_objective(record.objectives[0]).goal == "max"
    return 1.0 if is_maximum or len(record.objectives) > 1 else -1.0
