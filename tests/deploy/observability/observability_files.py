"""What the chart ships for observability, as values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "epitaxy"
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
RULE_FILES = sorted((CHART / "rules").glob("*.yaml"))
# What Grafana puts in for its variables when everything is chosen.
CHOSEN = {"namespace": ".*", "tenant": ".*", "model": ".*", "campaign": ".*", "__rate_interval": "40s"}

_COMPARISON = re.compile(r"(?<![=!<>~])(==|!=|<=|>=|<|>)(?=\s)")
_SELECTOR = re.compile(r"\b(?:ray_|epitaxy[_:]|process_|up\b)[a-zA-Z0-9_:]*")


@dataclass(frozen=True)
class Expression:
    """One expression and where it stands."""

    place: str
    text: str

    @property
    def metrics(self) -> set[str]:
        """Names of the series that it reads."""
        without_strings = re.sub(r'"[^"]*"', '""', self.text)
        return set(_SELECTOR.findall(without_strings))

    @property
    def ready(self) -> str:
        """With all of Grafana's variables put in."""
        return re.sub(r"\$(\w+)", lambda match: CHOSEN[match[1]], self.text)

    @property
    def as_truth(self) -> str:
        """With comparisons that answer 0 or 1 instead of leaving out what is false: silence is no lack of data."""
        return _COMPARISON.sub(r"\1 bool", self.ready)


def dashboard(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(path)["panels"] if panel["type"] != "row"]


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for path in RULE_FILES for rule in rules(path) if "alert" in rule]


def panel_expressions() -> Iterator[Expression]:
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                place = f"{path.stem} / {panel['title']} / {target['refId']}"
                yield Expression(place, target["expr"])


def rule_expressions() -> Iterator[Expression]:
    for path in RULE_FILES:
        for rule in rules(path):
            yield Expression(f"{path.stem} / {rule.get('alert') or rule['record']}", rule["expr"])
