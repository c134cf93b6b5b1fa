"""The pictures of a report."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.records import (
    CalibrationSection,
    LatentMap,
    LearningCurve,
    ParityRow,
    StrategyRow,
)
from epitaxy_models.transfer.report.outliers import without_outliers
from epitaxy_models.transfer.report.svg import Axis, Drawing, padded

# One CSS class a strategy; the page defines as many.
N_COLOURS = 10
_CHARACTER_PIXELS = 6.6


def colour_of(names: Sequence[str]) -> dict[str, str]:
    """CSS class of each strategy, the same in every picture of a page."""
    return {name: f"series-{number % N_COLOURS}" for number, name in enumerate(names)}


def learning_curves(
    curves: Sequence[LearningCurve], unit: str, colours: Mapping[str, str], measure: str = "mean absolute error"
) -> Markup:
    """Error against number of labels, one line with a band a strategy; empty if there is no point."""
    points = [point for curve in curves for point in curve.points]
    if not points:
        return Markup("")
    sizes = sorted({point.n_labels for point in points})
    x = Axis(sizes[0] * 0.92, sizes[-1] * 1.08, "labels trained on", is_log=True, ticks=tuple(map(float, sizes)))
    low, high = padded([value for point in points for value in (point.mae, point.low, point.high)])
    drawing = Drawing(x, Axis(max(low, 0.0), high, f"{measure} ({unit})" if unit else measure), "learning curves")
    for curve in curves:
        colour = colours[curve.strategy]
        lower = [(float(point.n_labels), point.low) for point in curve.points]
        drawing.band(lower, [(float(point.n_labels), point.high) for point in curve.points], colour)
    for curve in curves:
        drawing.line([(float(point.n_labels), point.mae) for point in curve.points], colours[curve.strategy])
        for point in curve.points:
            hint = f"{curve.strategy}: {point.mae:.4g}{_apart(unit)} with {point.n_labels} labels"
            drawing.dot((float(point.n_labels), point.mae), colours[curve.strategy], hint)
    return drawing.render()


def gains(strategies: Sequence[StrategyRow], unit: str, colours: Mapping[str, str]) -> Markup:
    """Gain of each strategy over the reference with its interval; right of the line at zero is better."""
    ends = [value for row in strategies for value in (row.gain_low, row.gain, row.gain_high)]
    low, high = padded(without_outliers([*ends, 0.0], keep=[0.0]))
    rows, names = len(strategies), tuple(row.name for row in strategies)
    x = Axis(low, high, f"error saved against the reference{f' ({unit})' if unit else ''}")
    levels = tuple(rows - 1.0 - number for number in range(rows))
    y = Axis(-0.6, rows - 0.4, "", ticks=levels, names=names)
    # Beside the frame, where no line crosses them.
    margin = 20 + int(_CHARACTER_PIXELS * max(map(len, names), default=0))
    drawing = Drawing(x, y, "gains", height=80 + 26 * rows, left=margin)
    drawing.line([(0.0, -0.6), (0.0, rows - 0.4)], "zero")
    for number, row in enumerate(strategies):
        level, colour = rows - 1.0 - number, colours[row.name]
        drawing.line([(max(row.gain_low, low), level), (min(row.gain_high, high), level)], f"whisker {colour}")
        drawing.dot((row.gain, level), colour, f"{row.name}: {row.gain:+.4g}{_apart(unit)}, {row.verdict}", 4.5)
    return drawing.render()


def parity(rows: Sequence[ParityRow], unit: str, truth: str = "label") -> Markup:
    """Predicted against true with intervals; the diagonal is a perfect model.

    Args:
        rows: One a structure.
        unit: Of all values.
        truth: Word for what is true.
    """
    low, high = padded(without_outliers([value for row in rows for value in (row.label, row.predicted)]))
    drawing = Drawing(Axis(low, high, f"{truth} ({unit})"), Axis(low, high, f"predicted ({unit})"), "parity", 460, 440)
    drawing.line([(low, low), (high, high)], "zero")
    for row in rows:
        drawing.line([(row.label, row.lower), (row.label, row.upper)], "whisker soft")
    for row in rows:
        hint = f"{row.row_id} {row.formula}: label {row.label:.4g}, predicted {row.predicted:.4g} {unit}"
        is_covered = row.lower <= row.label <= row.upper
        style = "outside" if not low <= row.label <= high else "series-0" if is_covered else "missed"
        drawing.dot((row.label, row.predicted), style, hint)
    return drawing.render()


def calibration(section: CalibrationSection) -> Markup:
    """Measured against nominal coverage; the band is what chance allows with so many labels."""
    drawing = Drawing(
        Axis(0.48, 1.0, "promised coverage"), Axis(0.3, 1.0, "measured out of fold"), "calibration", 460, 440
    )
    # Two binomial standard errors.
    reach = [2 * math.sqrt(nominal * (1 - nominal) / max(section.n_rows, 1)) for nominal in section.nominal]
    pairs = list(zip(section.nominal, reach, strict=True))
    drawing.band([(c, c - r) for c, r in pairs], [(c, min(c + r, 1.0)) for c, r in pairs], "soft")
    drawing.line([(0.5, 0.5), (1.0, 1.0)], "zero")
    measured = list(zip(section.nominal, section.measured, strict=True))
    drawing.line(measured, "series-0")
    for nominal, share in measured:
        drawing.dot((nominal, share), "series-0", f"promised {nominal:.0%}, measured {share:.1%}")
    return drawing.render()


def reliability(quality: ClassQuality) -> Markup:
    """Share of ones against the probability that was given, by bins; on the diagonal probabilities hold."""
    drawing = Drawing(
        Axis(0.0, 1.0, "probability, out of fold"), Axis(0.0, 1.0, "share of ones"), "reliability", 460, 440
    )
    drawing.line([(0.0, 0.0), (1.0, 1.0)], "zero")
    for one in quality.reliability:
        drawing.line([(one.probability, one.low), (one.probability, one.high)], "whisker series-0")
    for one in quality.reliability:
        hint = f"{one.n_rows} rows: probability {one.probability:.2f}, share of ones {one.share:.2f}"
        drawing.dot((one.probability, one.share), "series-0", hint, 4.5)
    return drawing.render()


def latent_map(section: LatentMap) -> Markup:
    """Source in grey, the tenant's structures in colour."""
    everything = [*section.source, *section.target]
    across, up = (padded(without_outliers([point[axis] for point in everything])) for axis in (0, 1))
    x = Axis(*across, "first direction of the source")
    drawing = Drawing(x, Axis(*up, "second direction"), "latent map", 560, 440)
    for point in section.source:
        drawing.dot(point, "source", radius=1.6)
    for point, name in zip(section.target, section.target_names, strict=True):
        drawing.dot(point, "series-0", name)
    return drawing.render()


def block_bars(blocks: Mapping[str, float]) -> Markup:
    """One bar a block of features, by descending weight; plain HTML."""
    bars = []
    for name, weight in sorted(blocks.items(), key=lambda item: -item[1]):
        share = min(max(weight, 0.0), 1.0)
        bars.append(
            f'<div class="bar-row"><span class="bar-name">{escape(name)}</span><span class="bar-track">'
            f'<span class="bar" style="width:{100 * share:.1f}%"></span></span><span>{share:.0%}</span></div>'
        )
    return Markup("".join(bars))


def _apart(unit: str) -> str:
    """A unit after a number; nothing of a score, which has none."""
    return f" {unit}" if unit else ""
