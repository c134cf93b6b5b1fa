"""A dashboard drawn by matplotlib as Grafana would lay it out, from what a Prometheus holds."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.dashboards.prometheus import Prometheus

INCHES_A_COLUMN, INCHES_A_LINE = 0.66, 0.36
LONGEST_LEGEND = 60
MOST_SERIES = 8
CHOSEN = {"namespace": ".*", "tenant": ".*", "model": ".*", "campaign": ".*", "__rate_interval": "40s"}
GREY = "#8e8e8e"
MEGABYTE = 1e6

_UNITS = {"bytes": "MB", "percentunit": "share", "percent": "%", "short": "", "none": ""}

Series = tuple[str, list[float], list[float]]


@dataclass(frozen=True)
class Window:
    """The time that is drawn, seconds since 1970."""

    start: float
    end: float
    step: float = 2.0


def draw(model: dict[str, Any], prometheus: Prometheus, window: Window, path: Path) -> None:
    """Writes a PNG of the whole dashboard."""
    mpl.use("Agg")
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in model["panels"])
    figure = Figure(figsize=(24 * INCHES_A_COLUMN, (lines + 1) * INCHES_A_LINE), facecolor="#f4f5f5")
    figure.text(0.008, 1 - 0.6 / (lines + 1), model["title"], fontsize=13, weight="bold", va="center")
    for panel in model["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] / 24, 1 - (place["y"] + 1) / (lines + 1)
        if panel["type"] == "row":
            figure.text(left + 0.008, top - 0.6 / (lines + 1), panel["title"], fontsize=10, weight="bold", va="center")
            continue
        width, height = place["w"] / 24, place["h"] / (lines + 1)
        margin_x, above = 0.03, 1.0 / (lines + 1)
        below = (2.3 if panel["type"] == "timeseries" else 1.0) / (lines + 1)
        box = (left + margin_x, top - height + below, width - 1.35 * margin_x, height - above - below)
        _draw_panel(figure.add_axes(box), panel, prometheus, window)
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


def _draw_panel(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, window: Window) -> None:
    axes.set_title(panel["title"], fontsize=8, loc="left", weight="bold")
    axes.tick_params(labelsize=6, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    scale = MEGABYTE if panel["fieldConfig"]["defaults"]["unit"] == "bytes" else 1
    series = [found for target in panel["targets"] for found in _series(target, prometheus, window, scale)]
    if not any(values for _, _, values in series):
        axes.text(0.5, 0.5, "no data at rest", ha="center", va="center", fontsize=8, color=GREY)
        axes.axis("off")
    elif panel["type"] == "timeseries":
        _lines(axes, panel, series, window)
    elif panel["type"] == "stat":
        _figures(axes, panel, series)
    else:
        _bars(axes, panel, series)


def _series(target: dict[str, Any], prometheus: Prometheus, window: Window, scale: float) -> list[Series]:
    expression = re.sub(r"\$(\w+)", lambda match: CHOSEN[match[1]], target["expr"])
    found = []
    for entry in prometheus.query_range(expression, window.start, window.end, window.step):
        points = [(float(at) - window.start, float(value) / scale) for at, value in entry["values"]]
        points = [point for point in points if math.isfinite(point[1])]
        found.append((_legend(target, entry["metric"]), [at for at, _ in points], [value for _, value in points]))
    return found


def _legend(target: dict[str, Any], labels: dict[str, str]) -> str:
    template = target["legendFormat"] or " ".join(f"{{{{{name}}}}}" for name in sorted(labels))
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), template).strip()
    return text if len(text) <= LONGEST_LEGEND else f"...{text[3 - LONGEST_LEGEND :]}"


def _lines(axes: Axes, panel: dict[str, Any], series: list[Series], window: Window) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    largest = sorted(series, key=lambda entry: -max(entry[2], default=0))[:MOST_SERIES]
    for legend, times, values in largest:
        (line,) = axes.plot(times, values, linewidth=1, label=legend)
        if defaults["custom"]["stacking"]["mode"] == "none":
            axes.fill_between(times, values, alpha=0.08, color=line.get_color())
    top = axes.get_ylim()[1]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] <= 1.5 * top:
            axes.axhline(step["value"], color=step["color"], linewidth=0.8, linestyle="--")
    axes.set_xlim(0, window.end - window.start)
    axes.set_ylim(bottom=defaults.get("min"), top=defaults.get("max"))
    axes.set_ylabel(_UNITS.get(defaults["unit"], defaults["unit"].removeprefix("suffix: ")), fontsize=6)
    axes.grid(visible=True, linewidth=0.3)
    axes.set_xlabel("s", fontsize=6, labelpad=1, loc="right")
    if not any(legend for legend, _, _ in largest):
        return
    width = axes.get_window_extent().width
    longest = max(len(legend) for legend, _, _ in largest)
    # Below the lines, as Grafana has it: above them it would hide what is drawn.
    columns = max(1, min(len(largest), int(width / (30 + 3.4 * longest))))
    axes.legend(
        fontsize=5.5, loc="upper left", bbox_to_anchor=(-0.02, -0.1), frameon=False, ncols=columns, borderaxespad=0,
        handlelength=1.2, columnspacing=1.0, labelspacing=0.25,
    )  # fmt: skip


def _figures(axes: Axes, panel: dict[str, Any], series: list[Series]) -> None:
    axes.axis("off")
    shown = [(legend, values[-1]) for legend, _, values in series if values]
    for number, (legend, value) in enumerate(shown):
        place = (number + 0.5) / len(shown)
        color = _color(panel, value)
        axes.text(place, 0.55, _written(panel, value), fontsize=15, ha="center", va="center", color=color)
        axes.text(place, 0.1, legend, fontsize=6.5, ha="center", color=GREY)


def _bars(axes: Axes, panel: dict[str, Any], series: list[Series]) -> None:
    shown = [(legend, values[-1]) for legend, _, values in series if values][:MOST_SERIES]
    numbers = [value for _, value in shown]
    axes.barh(range(len(shown)), numbers, height=0.5, color=[_color(panel, value) for value in numbers], alpha=0.6)
    axes.set_yticks(range(len(shown)), ["" for _ in shown])
    for row, (legend, value) in enumerate(shown):
        axes.text(0.01, row, f"{legend}   {_written(panel, value)}", fontsize=6.5, transform=axes.get_yaxis_transform())
    axes.set_ylim(-0.8, max(2.5, len(shown)))


def _color(panel: dict[str, Any], value: float) -> str:
    reached = [
        step["color"]
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        if step["value"] is None or value >= step["value"]
    ]
    return "tab:green" if reached[-1] == "green" else str(reached[-1])


def _written(panel: dict[str, Any], value: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    for mapping in defaults.get("mappings", ()):
        if (text := mapping["options"].get(f"{value:g}")) is not None:
            return str(text["text"])
    if defaults["unit"] == "percentunit":
        return f"{value:.1%}"
    unit = _UNITS.get(defaults["unit"], defaults["unit"].removeprefix("suffix: "))
    return f"{value:,.0f}{unit}" if abs(value) >= 100 else f"{value:.3g}{unit}"
