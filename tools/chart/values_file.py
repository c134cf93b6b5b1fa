"""values.yaml as a list of its keys, each with the prose over it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "epitaxy"
_KEY = re.compile(r"^( *)([A-Za-z]\w*):(.*)$")
_HEADING = re.compile(r"^# -{4} (.+?) -*$")


@dataclass(frozen=True, slots=True)
class Value:
    """One key.

    Attributes:
        section: Heading over it.
        path: Keys from the root on.
        prose: The comment over it; empty for keys that mean the same everywhere.
        default: Its value; None for a mapping whose keys are listed themselves.
    """

    section: str
    path: tuple[str, ...]
    prose: str
    default: Any


def read_values(chart: Path = CHART) -> list[Value]:
    """All keys in the order of the file."""
    text = (chart / "values.yaml").read_text()
    return list(_keys(text, yaml.safe_load(text)))


def _keys(text: str, values: dict[str, Any]) -> Iterator[Value]:
    section, prose, path = "", [], []
    for line in text.splitlines():
        found = _KEY.match(line)
        if heading := _HEADING.match(line):
            section = heading[1]
        elif line.lstrip().startswith("# "):
            prose.append(line.lstrip()[2:])
        elif found:
            path = [*path[: len(found[1]) // 2], found[2]]
            default = _at(values, path)
            is_listed = isinstance(default, dict) and default and not found[3].strip()
            yield Value(section, tuple(path), " ".join(prose), None if is_listed else default)
            prose = []
        else:
            prose = []


def _at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def as_code(value: Any) -> str:
    """A default as it would be written."""
    return f"`{json.dumps(value)}`"
