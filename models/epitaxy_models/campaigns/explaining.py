"""Why a candidate was chosen: value and interval, what its score is made of, what is near, which blocks speak."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.choice import Choice, Neighbor
from epitaxy_models.campaigns.estimates import Estimate
from epitaxy_models.campaigns.front import is_on_front
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.listed import ShortList
from epitaxy_models.campaigns.nearness import squared_by_block
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.prequential import Prediction
from epitaxy_models.campaigns.rivalry import Speaker

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
_NAMES = {
    Speaker.HEAD: "substrate's own head",
    Speaker.ANCHORED: "process on what the substrate's head leaves",
    Speaker.TRANSFERRED: "process on all blocks",
    Speaker.DESCRIPTOR: "process on descriptors",
    Speaker.MEAN: "mean of the results",
}
_REASONS = {
    AcquisitionName.BEST_FEW: "expected gain of the best few",
    AcquisitionName.EXPECTED_IMPROVEMENT: "expected improvement",
    AcquisitionName.FRONT: "expected improvement of the front",
    AcquisitionName.PROBABILITY: "chance to lie nearer to the target than what was found",
    AcquisitionName.UPPER_BOUND: "upper confidence bound",
    AcquisitionName.THOMPSON: "best of a sample from the posterior",
    AcquisitionName.UNCERTAINTY: "largest uncertainty",
    AcquisitionName.GREEDY: "best predicted value",
    AcquisitionName.RANDOM: "drawn at random",
}
_N_NEAREST = 3
_N_SAMPLES = 256
# Candidates that the standing of a choice is told from.
_N_OTHERS = 500


def explained(
    pool: PoolBlocks,
    known: Knowledge,
    estimates: Sequence[Estimate],
    numbers: Numbers,
    listed: ShortList,
    found: Sequence[tuple[int, float]],
    name: AcquisitionName,
) -> list[Choice]:
    """Choices with their explanations; ``found`` holds places in the list and scores."""
    if not found:
        return []
    places = np.array([place for place, _ in found])
    chosen = numbers[places]
    shares = exploitation_shares(listed, places, name)
    blocks = [entry.process.blocks_that_speak(chosen) for entry in estimates]
    # The model of one property may read fewer blocks than that of another.
    silent = np.zeros(len(chosen))
    means = {block: np.mean([one.get(block, silent) for one in blocks], axis=0) for block in pool.blocks}
    nearest = _nearest(pool, chosen, np.unique(known.candidates), {k: float(v.mean()) for k, v in means.items()})
    others = _evenly(known.open(pool.n_candidates))
    looks = [entry.utilities(one, others) for entry, one in zip(estimates, listed.objectives, strict=True)]
    predictions = [_predictions(estimates, listed, looks, place, int(numbers[place])) for place in places]
    speakers = ", ".join(f"{entry.name} by the {_NAMES[entry.belief.speaker]}" for entry in estimates)
    return [
        Choice(
            candidate=int(chosen[i]),
            score=score,
            values={entry.name: entry.value for entry in predictions[i]},
            lower={entry.name: entry.lower for entry in predictions[i]},
            upper={entry.name: entry.upper for entry in predictions[i]},
            exploitation=float(shares[i]),
            exploration=float(1 - shares[i]),
            reason=f"{_REASONS[name]}; {speakers}",
            nearest=nearest[i],
            blocks={block: float(column[i]) for block, column in means.items()},
            success=float(listed.success[place]),
            predictions=predictions[i],
        )
        for i, (place, score) in enumerate(found)
    ]


def exploitation_shares(listed: ShortList, places: Numbers, name: AcquisitionName) -> Array:
    """Share of each expected gain over the best measured that is there if the predicted values are right, ``[n]``."""
    if name is AcquisitionName.UNCERTAINTY:
        return np.zeros(len(places))
    if name is AcquisitionName.GREEDY:
        return np.ones(len(places))
    front = listed.utilities(listed.means[:, listed.measured].T)
    front = front[is_on_front(front)]
    scale = listed.utilities(listed.means.T).std(axis=0) + 1e-12
    base = np.random.default_rng(0).standard_normal((_N_SAMPLES, len(listed.objectives)))
    shares = []
    for place in places:
        stds = np.sqrt(np.maximum(listed.covariances[:, place, place], 0.0))
        samples = listed.utilities(listed.means[:, place] + base * stds)
        expected = _gains(samples / scale, front / scale).mean()
        certain = _gains(listed.utilities(listed.means[None, :, place]) / scale, front / scale)[0]
        shares.append(min(1.0, certain / expected) if expected > 0 else 0.0)
    return np.array(shares)


def _gains(utilities: Array, front: Array) -> Array:
    """How far each lies beyond a front: the least, over its members, of the best advantage in any objective."""
    ahead = (utilities[:, None] - front).max(axis=2).min(axis=1)
    return np.asarray(np.maximum(ahead, 0.0))


def _predictions(
    estimates: Sequence[Estimate], listed: ShortList, looks: Sequence[Array], place: int, candidate: int
) -> tuple[Prediction, ...]:
    found = []
    for i, (entry, objective) in enumerate(zip(estimates, listed.objectives, strict=True)):
        mean, variance = listed.means[i, place], listed.covariances[i, place, place]
        std = float(entry.reading_std(variance))
        reach = entry.intervals.factor * std
        low, value, high = entry.to_unit(np.array([mean - reach, mean, mean + reach]))
        found.append(
            Prediction(
                name=entry.name,
                candidate=candidate,
                value=float(value),
                lower=float(low),
                upper=float(high),
                standing=float(np.mean(looks[i] <= objective.utility(np.array([value])))),
                z_value=float(mean),
                z_std=std,
                kind=str(entry.transform.kind),
            )
        )
    return tuple(found)


def _evenly(numbers: Numbers) -> Numbers:
    return numbers[:: max(1, -(-len(numbers) // _N_OTHERS))]


def _nearest(
    pool: PoolBlocks, chosen: Numbers, measured: Numbers, weights: dict[str, float]
) -> list[tuple[Neighbor, ...]]:
    """The nearest measured candidates of each, by scaled features weighed as the blocks speak."""
    left, right = pool.rows(chosen), pool.rows(measured)
    total = sum(weights.values()) or 1.0
    squared = sum(weight / total * squared_by_block(block, left, right) / 2 for block, weight in weights.items())
    distances = np.sqrt(np.asarray(squared))
    found = []
    for row in distances:
        order = np.argsort(row, kind="stable")[:_N_NEAREST]
        found.append(tuple(Neighbor(int(measured[place]), float(row[place])) for place in order))
    return found
