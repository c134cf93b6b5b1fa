"""The pictures of a campaign's page."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from epitaxy_models.campaigns.objective import Goal
from epitaxy_models.campaigns.report.record import CampaignRecord, ResultRow, number_of
from epitaxy_models.transfer.records import ParityRow
from epitaxy_models.transfer.report import charts
from epitaxy_models.transfer.report.outliers import without_outliers
from epitaxy_models.transfer.report.svg import Axis, Drawing, padded

Point = tuple[float, float]
# Colours of what was tried, from the first to the last quarter.
_N_AGES = 4


def pictures_of(record: CampaignRecord) -> Mapping[str, Markup]:
    """All pictures by name; empty where there is nothing to draw."""
    blocks = _latest_blocks(record)
    return {
        "best": best_so_far(record),
        "coverage": coverage(record),
        "parity": parity(record),
        "gains": gains(record),
        "map": tried_map(record),
        "front": front(record),
        "blocks": charts.block_bars(blocks) if blocks else Markup(""),
    }


def best_label(record: CampaignRecord) -> str:
    """What best-so-far shows, with its unit."""
    if record.has_shares:
        return "share of the hypervolume"
    first = record.first
    what = "distance from the target" if not first.goal.is_monotone else f"best {first.name}"
    return f"{what} ({first.unit})" if first.unit not in ("", "1") else what


def best_so_far(record: CampaignRecord) -> Markup:
    """The best so far against the number of results, beside what random choice would have found."""
    ours = record.best_so_far()
    if not ours:
        return Markup("")
    means, lows, highs = (_curve(record, key) for key in ("mean", "low", "high"))
    ends = padded(without_outliers([value for _, value in [*ours, *means, *lows, *highs]]))
    n_most = max(1.0, *(n for n, _ in [*ours, *means]))
    drawing = Drawing(Axis(0.0, n_most, "results"), Axis(*ends, best_label(record)), "best so far")
    if means:
        drawing.band(lows, highs, "soft")
        drawing.line(means, "soft")
    drawing.line(_stairs(ours), "series-0")
    drawing.dot(ours[0], "series-0", f"first result: {ours[0][1]:.4g}")
    for (_, before), (n, value) in pairwise(ours):
        if value != before:
            drawing.dot((n, value), "series-0", f"after {n:.0f} results: {value:.4g}")
    return drawing.render()


def coverage(record: CampaignRecord) -> Markup:
    """Share of results inside the intervals on record, as it went; the band is what chance allows."""
    points = record.coverage_so_far()
    if not points:
        return Markup("")
    promised = points[-1][2]
    n_last = float(points[-1][0])
    drawing = Drawing(Axis(0.0, max(n_last, 1.0), "predicted results"), Axis(0.0, 1.0, "share inside"), "calibration")
    reach = [2 * math.sqrt(promised * (1 - promised) / n) for n, _, _ in points]
    below = [(float(n), max(promised - r, 0.0)) for (n, _, _), r in zip(points, reach, strict=True)]
    above = [(float(n), min(promised + r, 1.0)) for (n, _, _), r in zip(points, reach, strict=True)]
    drawing.band(below, above, "soft")
    drawing.line([(0.0, promised), (max(n_last, 1.0), promised)], "zero")
    drawing.line([(float(n), share) for n, share, _ in points], "series-0")
    n, share, _ = points[-1]
    drawing.dot((float(n), share), "series-0", f"{share:.1%} of {n} results inside, promised {promised:.0%}")
    return drawing.render()


def parity(record: CampaignRecord) -> Markup:
    """Measured against what was predicted before, of the first objective."""
    name = record.first.name
    rows = [
        ParityRow(
            result.id,
            result.formula,
            result.values[name],
            result.predictions[name].value,
            result.predictions[name].lower,
            result.predictions[name].upper,
        )
        for result in record.results
        if result.counts and result.is_inside(name) is not None
    ]
    return charts.parity(rows, record.first.unit, "measured") if rows else Markup("")


def gains(record: CampaignRecord) -> Markup:
    """Gain of each batch as it was expected, and as it came."""
    batches = [entry for entry in record.entries("batches") if number_of(entry.get("batch")) is not None]
    expected = _points(batches, "expected_gain")
    seen = _points(batches, "gain")
    if not (expected or seen):
        return Markup("")
    last = max(n for n, _ in [*expected, *seen])
    ends = padded(without_outliers([value for _, value in [*expected, *seen]], keep=[0.0]))
    unit = "hypervolume" if record.has_shares else record.first.unit or "1"
    drawing = Drawing(Axis(0.5, last + 0.5, "batch"), Axis(*ends, f"gain ({unit})"), "expected and seen gain")
    drawing.line([(0.5, 0.0), (last + 0.5, 0.0)], "zero")
    for points, colour, word in ((expected, "series-1", "expected"), (seen, "series-0", "seen")):
        drawing.line(points, colour)
        for n, value in points:
            drawing.dot((n, value), colour, f"batch {n:.0f}: {word} {value:.4g}")
    return drawing.render()


def tried_map(record: CampaignRecord) -> Markup:
    """The pool in grey, what was tried in colours from early to late, failures in red, the best ringed."""
    section = record.part("map")
    background = [_point(entry) for entry in section.get("background") or ()]
    spots = {str(entry["id"]): _point((entry.get("x"), entry.get("y"))) for entry in section.get("points") or ()}
    grey = [point for point in background if point is not None]
    tried = [(result, spots.get(result.id)) for result in record.results]
    shown = [(result, spot) for result, spot in tried if spot is not None]
    if not shown:
        return Markup("")
    everything = [*grey, *(spot for _, spot in shown)]
    across, up = (padded(without_outliers([point[axis] for point in everything])) for axis in (0, 1))
    x, y = Axis(*across, "first direction"), Axis(*up, "second direction")
    drawing = Drawing(x, y, "map of what was tried", 560, 440)
    for point in grey:
        drawing.dot(point, "source", radius=1.6)
    for place, (result, spot) in enumerate(shown):
        drawing.dot(spot, _age(place, len(shown)) if result.counts else "missed", _hint(result), 3.6)
    best = {str(entry["id"]) for entry in record.entries("best")}
    for name in best & spots.keys():
        place_of_best = spots[name]
        if place_of_best is not None:
            drawing.dot(place_of_best, "ring", f"best: {name}", 7.0)
    return drawing.render()


def front(record: CampaignRecord) -> Markup:
    """Two objectives against each other; what belongs to the front is ringed."""
    if len(record.objectives) < 2:
        return Markup("")
    first, second = record.objectives[:2]
    rows = [row for row in record.results if row.counts and {first.name, second.name} <= row.values.keys()]
    if not rows:
        return Markup("")
    across, up = (padded(without_outliers([row.values[goal.name] for row in rows])) for goal in (first, second))
    x, y = Axis(*across, f"{first.name} ({first.unit})"), Axis(*up, f"{second.name} ({second.unit})")
    drawing = Drawing(x, y, "results by objective", 460, 440)
    best = {str(entry["id"]) for entry in record.entries("best")}
    for row in rows:
        point = (row.values[first.name], row.values[second.name])
        drawing.dot(point, "series-0", _hint(row))
        if row.id in best:
            drawing.dot(point, "ring", f"of the front: {row.id}", 7.0)
    return drawing.render()


def ages() -> Sequence[tuple[str, str]]:
    """Colours of the map with their words."""
    return [(f"age-{number}", word) for number, word in enumerate(("first quarter", "second", "third", "last quarter"))]


def direction_word(goal: Goal) -> str:
    """Which way is better in the picture of the best so far."""
    return "higher is better" if goal is Goal.MAXIMIZE else "lower is better"


def _latest_blocks(record: CampaignRecord) -> dict[str, float]:
    """Shares of the blocks in the latest batch that states them, of the first objective or of all together."""
    for entry in reversed(record.entries("batches")):
        by_property = entry.get("blocks") or {}
        blocks = by_property.get(record.first.name) or by_property.get("all") or {}
        found = {name: number_of(share) for name, share in blocks.items()}
        if found:
            return {name: share for name, share in found.items() if share is not None}
    return {}


def _stairs(points: Sequence[Point]) -> list[Point]:
    """A line that stays until the next result."""
    steps = [points[0]]
    for (_, before), (n, value) in pairwise(points):
        steps += [(n, before), (n, value)]
    return steps


def _curve(record: CampaignRecord, key: str) -> list[Point]:
    """One curve of what random choice would have found."""
    pairs = ((number_of(entry.get("n_results")), number_of(entry.get(key))) for entry in record.entries("random"))
    return [(n, value) for n, value in pairs if n is not None and value is not None]


def _points(batches: Sequence[Mapping[str, object]], name: str) -> list[Point]:
    pairs = ((number_of(entry.get("batch")), number_of(entry.get(name))) for entry in batches)
    return [(batch, value) for batch, value in pairs if batch is not None and value is not None]


def _point(entry: object) -> Point | None:
    if not isinstance(entry, Sequence) or len(entry) != 2:
        return None
    x, y = number_of(entry[0]), number_of(entry[1])
    return None if x is None or y is None else (x, y)


def _age(place: int, n_places: int) -> str:
    return f"age-{min(place * _N_AGES // max(n_places, 1), _N_AGES - 1)}"


def _hint(row: ResultRow) -> str:
    values = ", ".join(f"{name} {value:.4g}" for name, value in row.values.items()) or row.status.lower()
    return f"{row.number}. {row.id} {row.formula}: {values}"
