"""An explanation drawn by matplotlib."""

from collections.abc import Sequence
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from epitaxy.client.explanations.bars import Contribution
from epitaxy.client.explanations.material_page import largest_parts, part_name
from epitaxy.client.explanations.results import ExplanationResult
from epitaxy.client.explanations.scene import Ball, Scene, Stick, colour_of, is_dark, scene_of

_INK, _QUIET, _GOOD, _BAD = "#22262b", "#7a828c", "#1b7837", "#b35806"
_SHOWN_SHELLS = 8
_MAX_LABELLED = 60


def figure_of(explanation: ExplanationResult) -> Figure:
    """The structure on the left, elements and shells of neighbours on the right, the test's verdict below.

    Of a material without a crystal: bars of elements, of atoms and bonds, and of conditions.
    """
    if not explanation.is_crystal:
        return _figure_of_parts(explanation)
    figure = Figure(figsize=(10.5, 5.6), layout="constrained", facecolor="white")
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1), squeeze=False)[0]
    _draw_structure(left.subplots(), explanation)
    shells = explanation.shells[:_SHOWN_SHELLS]
    heights = (len(explanation.elements) + 1.2, max(len(shells), 1) + 1.2)
    above, below = right.subplots(2, 1, height_ratios=heights)
    names = [f"{entry.element} ({entry.n_sites})" for entry in explanation.elements]
    _draw_bars(above, "Elements (atoms in the cell)", names, explanation.elements)
    _draw_bars(below, "Shells of neighbours, the largest", [shell.label for shell in shells], shells)
    below.set_xlabel(f"contribution, {explanation.unit}", color=_INK, fontsize=9)
    figure.suptitle(_title(explanation), fontsize=12, color=_INK, x=0.01, ha="left")
    verdict = explanation.faithfulness.in_words() if explanation.faithfulness else ""
    colour = _GOOD if explanation.is_faithful else _BAD
    figure.supxlabel(fill(verdict, 150), fontsize=9, color=colour, x=0.01, ha="left")
    return figure


def _figure_of_parts(explanation: ExplanationResult) -> Figure:
    parts = largest_parts(explanation)
    groups: list[tuple[str, list[str], Sequence[Contribution]]] = [
        ("Elements", [entry.label for entry in explanation.elements], explanation.elements),
        ("Atoms and bonds, the largest", [part_name(explanation, part) for part in parts], parts),
        ("Conditions", [entry.label for entry in explanation.conditions], explanation.conditions),
    ]
    shown = [group for group in groups if group[1]]
    heights = [len(names) + 1.2 for _, names, _ in shown]
    figure = Figure(figsize=(7.5, 1.4 + 0.32 * sum(heights)), layout="constrained", facecolor="white")
    rows = figure.subplots(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, names, entries) in zip(rows, shown, strict=True):
        _draw_bars(axes, title, names, entries)
    rows[-1].set_xlabel(f"contribution, {explanation.unit}", color=_INK, fontsize=9)
    name = explanation.property_name.replace("_", " ")
    title = (
        f"{explanation.formula}: {name} {explanation.value:.3f} {explanation.unit}\n"
        f"{explanation.baseline_material}: {explanation.baseline:.3f}"
    )
    figure.suptitle(title, fontsize=11, color=_INK, x=0.01, ha="left")
    verdict = explanation.faithfulness.in_words() if explanation.faithfulness else ""
    colour = _GOOD if explanation.is_faithful else _BAD
    figure.supxlabel(fill(verdict, 110), fontsize=9, color=colour, x=0.01, ha="left")
    return figure


def _title(explanation: ExplanationResult) -> str:
    name = explanation.property_name.replace("_", " ")
    return (
        f"{explanation.formula}: {name} {explanation.value:.3f} {explanation.unit}"
        f"  (these places without elements: {explanation.baseline:.3f})"
    )


def _draw_structure(axes: Axes, explanation: ExplanationResult) -> None:
    scene = scene_of(explanation)
    for order, part in enumerate(scene.parts):
        if isinstance(part, Stick):
            _draw_stick(axes, part, order)
        else:
            _draw_ball(axes, part, scene, order)
    left, bottom, right, top = scene.bounds
    axes.set(xlim=(left - 0.2, right + 0.2), ylim=(bottom - 0.2, top + 0.2), aspect="equal")
    axes.set_axis_off()
    ends = [colour_of(step / 10, 1.0) for step in range(-10, 11)]
    colours = ScalarMappable(
        Normalize(-scene.limit, scene.limit), LinearSegmentedColormap.from_list("contribution", ends)
    )
    bar = axes.figure.colorbar(colours, ax=axes, orientation="horizontal", shrink=0.62, aspect=34, pad=0.02)
    bar.set_label(f"contribution of a site, {explanation.unit}", fontsize=9, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_QUIET)
    bar.outline.set_visible(False)


def _draw_stick(axes: Axes, stick: Stick, order: int) -> None:
    width, colour = (0.8, "#a8b0b8") if stick.is_cell else (3.0, "#c3c8ce")
    axes.add_collection(
        LineCollection([(stick.begin, stick.end)], linewidths=width, colors=colour, capstyle="round", zorder=order)
    )


def _draw_ball(axes: Axes, ball: Ball, scene: Scene, order: int) -> None:
    (x, y), radius, value = ball.centre, ball.radius, ball.site.value
    axes.add_patch(
        Circle((x, y), radius, facecolor=colour_of(value, scene.limit), edgecolor=_INK, linewidth=0.7, zorder=order)
    )
    light = Circle(
        (x - 0.32 * radius, y + 0.34 * radius), 0.42 * radius, facecolor="white", alpha=0.22, linewidth=0, zorder=order
    )
    axes.add_patch(light)
    if sum(isinstance(part, Ball) for part in scene.parts) <= _MAX_LABELLED:
        ink = "white" if is_dark(value, scene.limit) else _INK
        axes.text(x, y, ball.site.element, fontsize=8, color=ink, ha="center", va="center", zorder=order, clip_on=True)


def _draw_bars(axes: Axes, title: str, names: Sequence[str], entries: Sequence[Contribution]) -> None:
    axes.set_title(title, fontsize=9.5, color=_INK, loc="left")
    values = [entry.value for entry in entries]
    stds = [entry.std for entry in entries]
    limit = max(map(abs, values), default=1.0) or 1.0
    rows = range(len(values))
    axes.barh(
        rows,
        values,
        height=0.68,
        color=[colour_of(value, limit) for value in values],
        edgecolor="#5c636b",
        linewidth=0.6,
        xerr=stds,
        error_kw={"ecolor": _QUIET, "elinewidth": 1.0, "capsize": 2},
    )
    axes.set_yticks(rows, names, fontsize=8.5, color=_INK)
    axes.invert_yaxis()
    axes.axvline(0.0, color=_INK, linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8, colors=_QUIET)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c9ced4")
    if not entries:
        axes.text(0.0, 0.5, "no neighbours", fontsize=8.5, color=_QUIET, transform=axes.transAxes)
