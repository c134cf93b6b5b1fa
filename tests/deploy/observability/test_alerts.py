"""Every alert fires when it should, stays silent when it should, and leads to a runbook."""

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from observability_files import ROOT, RULE_FILES, alerts, rules

CASES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
RUNBOOKS = ROOT / "docs" / "runbooks.md"
_NAME = re.compile(r'alertname="(\w+)"')


def anchors() -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOKS.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(promtool: str, path: Path) -> None:
    checked = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_silent_as_their_cases_say(promtool: str, path: Path) -> None:
    # Go collects its garbage at a quarter of the usual rate: the processes are short.
    environment = {**os.environ, "GOGC": "400"}
    command = [promtool, "test", "rules", path]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_stays_silent() -> None:
    expected: dict[str, set[float]] = defaultdict(set)
    for path in CASES:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for query in case.get("promql_expr_test", ()):
                expected[_NAME.search(query["expr"])[1]].add(query["exp_samples"][0]["value"])  # type: ignore[index]
    assert expected == {rule["alert"]: {0, 1} for rule in alerts()}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert 10 < len(notes["summary"]) < 100
    assert notes["description"].endswith(".")
    file, _, anchor = notes["runbook_url"].partition("#")
    assert (ROOT / file).resolve() == RUNBOOKS
    assert anchor in anchors()


def test_the_section_of_a_runbook_names_its_alerts() -> None:
    sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
    by_anchor = {re.sub(r"[^\w\- ]", "", text.splitlines()[0].lower()).replace(" ", "-"): text for text in sections}
    for rule in alerts():
        section = by_anchor[rule["annotations"]["runbook_url"].partition("#")[2]]
        assert f"`{rule['alert']}`" in section
    named = set(re.findall(r"`(Epitaxy\w+)`", RUNBOOKS.read_text()))
    assert named == {rule["alert"] for rule in alerts()}


def test_links_between_runbooks_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOKS.read_text())) <= anchors()


def test_names_of_rules_are_unique_and_say_where_they_belong() -> None:
    names = [rule.get("alert") or rule["record"] for path in RULE_FILES for rule in rules(path)]
    assert len(names) == len(set(names))
    assert all(re.match(r"Epitaxy[A-Z]\w+$|epitaxy:\w+:ratio", name) for name in names)
