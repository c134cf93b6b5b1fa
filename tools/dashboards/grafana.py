"""The few Grafana objects that the dashboards are made of, as plain values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 39
GRID_WIDTH = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED = "green", "#EAB839", "red"

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One expression and what its series are called; an instant one is asked for the present alone."""

    expr: str
    legend: str
    is_instant: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel. ``warn`` and ``alarm`` are where its colour changes; alarm below warn means that less is worse."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    warn: float | None = None
    alarm: float | None = None
    lowest: float | None = 0
    highest: float | None = None
    is_stacked: bool = False
    mappings: tuple[tuple[int, str, str], ...] = ()

    def model(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana reads it, at a place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [self._target(query, ref) for query, ref in zip(self.queries, "ABCDEFGH", strict=False)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind],
            **({"transformations": _TABLE_COLUMNS} if self.kind == "table" else {}),
        }

    def _target(self, query: Query, ref: str) -> Json:
        target: Json = {"refId": ref, "datasource": DATASOURCE, "expr": query.expr, "legendFormat": query.legend}
        if query.is_instant or self.kind == "table":
            target |= {"instant": True, "range": False}
        return target | ({"format": "table"} if self.kind == "table" else {})

    def _defaults(self) -> Json:
        defaults: Json = {"unit": self.unit, "thresholds": {"mode": "absolute", "steps": self._steps()}}
        if self.lowest is not None:
            defaults["min"] = self.lowest
        if self.highest is not None:
            defaults["max"] = self.highest
        if self.mappings:
            texts = {str(value): {"text": text, "color": color} for value, text, color in self.mappings}
            defaults["mappings"] = [{"type": "value", "options": texts}]
        if self.kind == "timeseries":
            defaults["color"] = {"mode": "palette-classic"}
            defaults["custom"] = self._drawing()
        else:
            defaults["color"] = {"mode": "thresholds"}
        return defaults

    def _drawing(self) -> Json:
        lines = "dashed" if self.warn is not None or self.alarm is not None else "off"
        return {
            "lineWidth": 1,
            "fillOpacity": 40 if self.is_stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.is_stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": lines},
        }

    def _steps(self) -> list[Json]:
        if self.warn is None and self.alarm is None:
            return [{"color": GREEN, "value": None}]
        if self.warn is not None and self.alarm is not None and self.alarm < self.warn:
            return [{"color": RED, "value": None}, _step(YELLOW, self.alarm), _step(GREEN, self.warn)]
        marks = [_step(YELLOW, self.warn), _step(RED, self.alarm)]
        return [{"color": GREEN, "value": None}, *(mark for mark in marks if mark["value"] is not None)]


@dataclass(frozen=True)
class Row:
    """A heading and its panels, set from left to right."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A choice at the top, filled from a label; all of its values by default."""

    name: str
    label: str
    query: str

    def model(self) -> Json:
        """The variable as Grafana reads it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": DATASOURCE,
            "definition": self.query,
            "query": {"query": self.query, "refId": self.name},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            # Matches series without the label too: a Prometheus outside of a cluster sets no namespace.
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }


@dataclass(frozen=True)
class Dashboard:
    """A whole dashboard."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = field(default_factory=tuple)

    def model(self) -> Json:
        """The dashboard as Grafana reads it. Raises ValueError for a variable that no panel uses."""
        panels = list(_placed(self.rows))
        self._check_variables(panels)
        source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["epitaxy"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "links": [
                {"type": "dashboards", "tags": ["epitaxy"], "title": "Epitaxy", "asDropdown": True, "keepTime": True}
            ],
            "templating": {"list": [source, *(variable.model() for variable in self.variables)]},
            "panels": panels,
        }

    def _check_variables(self, panels: list[Json]) -> None:
        used = {
            name
            for panel in panels
            for target in panel.get("targets", ())
            for name in re.findall(r"\$(\w+)", target["expr"])
        }
        unused = {variable.name for variable in self.variables} - used
        if unused:
            raise ValueError(f"{self.title}: no panel uses the variables {sorted(unused)}")


def _placed(rows: Sequence[Row]) -> Sequence[Json]:
    placed: list[Json] = []
    y = 0
    for row in rows:
        grid = {"x": 0, "y": y, "w": GRID_WIDTH, "h": 1}
        placed.append(
            {
                "id": len(placed) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": grid,
                "panels": [],
            }
        )
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > GRID_WIDTH:
                x, y, height = 0, y + height, 0
            placed.append(panel.model(len(placed) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return placed


def _step(color: str, value: float | None) -> Json:
    return {"color": color, "value": value}


_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": _REDUCE,
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "textMode": "auto",
    },
    "bargauge": {"reduceOptions": _REDUCE, "displayMode": "basic", "orientation": "horizontal", "showUnfilled": True},
    "table": {"showHeader": True, "cellHeight": "sm"},
}
_TABLE_COLUMNS = [{"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}}}]
