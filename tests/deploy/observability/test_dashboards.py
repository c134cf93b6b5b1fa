"""The dashboards as files: whole, readable, and what their source says."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from observability_files import CHOSEN, DASHBOARDS, ROOT, dashboard, panels

UNITS = {"short", "none", "s", "percentunit", "percent", "bytes"}
TITLES = {
    "campaigns": "Epitaxy / Campaigns",
    "fine-tunes": "Epitaxy / Fine-tunes",
    "models-and-trust": "Epitaxy / Models and trust",
    "operations": "Epitaxy / Operations",
    "screening": "Epitaxy / Screening",
}
PANELS = [
    pytest.param(panel, id=f"{path.stem} / {panel['title']}")
    for path in DASHBOARDS
    for panel in panels(path)
]  # fmt: skip
every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
every_panel = pytest.mark.parametrize("panel", PANELS)


def test_there_are_the_dashboards() -> None:
    assert {path.stem: dashboard(path)["title"] for path in DASHBOARDS} == TITLES


def test_the_files_are_what_their_source_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.dashboards", str(tmp_path)], cwd=ROOT, check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in DASHBOARDS}, "run python -m tools.dashboards"


@every_dashboard
def test_a_dashboard_has_a_schema_a_source_and_variables_that_are_used(path: Path) -> None:
    model = dashboard(path)
    assert model["schemaVersion"] >= 36
    assert re.fullmatch(r"[a-z-]{8,40}", model["uid"])
    variables = {entry["name"]: entry for entry in model["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    used = {
        name for panel in panels(path) for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])
    }
    assert used - {"__rate_interval"} == set(variables) - {"datasource"}
    assert used <= set(CHOSEN)


@every_dashboard
def test_tenants_and_what_is_theirs_can_be_chosen(path: Path) -> None:
    variables = {entry["name"]: entry for entry in dashboard(path)["templating"]["list"]}
    theirs = "campaign" if path.stem == "campaigns" else "model"
    assert {"tenant", theirs} <= set(variables)
    assert all(variables[name]["includeAll"] and variables[name]["multi"] for name in ("tenant", theirs))


@every_dashboard
def test_panels_have_numbers_of_their_own_and_do_not_overlap(path: Path) -> None:
    placed = dashboard(path)["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    for one, other in combinations((panel["gridPos"] for panel in placed), 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in placed)


@every_panel
def test_a_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    assert 2 < len(panel["title"]) < 50
    assert panel["description"].endswith(".")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    assert unit in UNITS or unit.startswith("suffix: ")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel
def test_a_panel_names_its_series_and_keeps_to_the_namespace(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["legendFormat"] or panel["type"] == "table"
        selectors = re.findall(r"\b(?:epitaxy_|ray_|process_|up\b)\w*(.)", target["expr"])
        assert selectors
        assert set(selectors) == {"{"}, "every series is chosen by labels"
        assert target["expr"].count('namespace=~"$namespace"') == len(selectors)
    if panel["type"] == "timeseries":
        assert panel["options"]["legend"]["showLegend"]


@every_panel
def test_thresholds_rise_and_lie_within_the_scale(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    first, *others = defaults["thresholds"]["steps"]
    values = [step["value"] for step in others]
    assert first["value"] is None
    assert values == sorted(set(values))
    assert all(defaults.get("min", -1e99) <= value <= defaults.get("max", 1e99) for value in values)
    if values and defaults["unit"] == "percentunit":
        assert max(values) <= 1
