"""What the chart makes of dashboards, rules and monitors, rendered by Helm's own engine."""

import json
from functools import cache
from typing import Any

import pytest
import yaml
from observability_files import CHART, DASHBOARDS, RULE_FILES

from tools.dashboards.prometheus import JOBS

helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")

LABELS = {"release": "monitoring"}
PARTS = ("dashboards", "rules", "monitors")


@cache
def rendered(*enabled: str) -> list[dict[str, Any]]:
    values = yaml.safe_load((CHART / "values-minimal.yaml").read_text()) or {}
    switches = {part: {"enabled": part in enabled} for part in PARTS}
    values["observability"] = {"labels": LABELS, **switches}
    files = helm.Chart.load(str(CHART)).render(values, name="release", namespace="materials")
    texts = [text for path, text in files.items() if "/observability/" in path]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def of_kind(kind: str, *enabled: str) -> list[dict[str, Any]]:
    return [document for document in rendered(*enabled) if document["kind"] == kind]


def test_nothing_is_made_that_is_not_switched_on() -> None:
    assert rendered() == []
    assert {document["kind"] for document in rendered("rules")} == {"PrometheusRule"}


def test_each_dashboard_is_a_config_map_that_grafana_finds_by_its_label() -> None:
    maps = of_kind("ConfigMap", "dashboards")
    held = {name: json.loads(text) for entry in maps for name, text in entry["data"].items()}
    assert held == {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
    for entry in maps:
        assert entry["metadata"]["labels"].items() >= ({"grafana_dashboard": "1"} | LABELS).items()


def test_the_rules_are_those_that_promtool_tests() -> None:
    made = of_kind("PrometheusRule", "rules")
    groups = [group for entry in made for group in entry["spec"]["groups"]]
    expected = [group for path in RULE_FILES for group in yaml.safe_load(path.read_text())["groups"]]
    assert groups == expected
    assert all(entry["metadata"]["labels"].items() >= LABELS.items() for entry in made)


def test_monitors_give_the_jobs_the_names_that_rules_and_dashboards_use() -> None:
    jobs = set()
    for monitor in of_kind("ServiceMonitor", "monitors"):
        assert monitor["metadata"]["labels"].items() >= LABELS.items()
        (endpoint,) = monitor["spec"]["endpoints"]
        jobs |= {entry["replacement"] for entry in endpoint["relabelings"] if entry["targetLabel"] == "job"}
    assert jobs == set(JOBS.values())


def test_each_monitor_selects_one_service_and_names_a_port_of_it() -> None:
    services = of_kind("Service", "monitors")
    for monitor in of_kind("ServiceMonitor", "monitors"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [entry for entry in services if entry["metadata"]["labels"].items() >= wanted]
        assert {port["name"] for port in service["spec"]["ports"]} == {monitor["spec"]["endpoints"][0]["port"]}
