"""The rooms of the client: results know neither the wire nor a drawing, and no room leads back to itself."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import epitaxy.client

CLIENT = Path(epitaxy.client.__file__).parent
RESULTS = {
    "epitaxy.client.results", "epitaxy.client.explanations.results", "epitaxy.client.explanations.parts",
    "epitaxy.client.finetune.results",
    "epitaxy.client.measurements.results", "epitaxy.client.models.cards", "epitaxy.client.models.review",
    "epitaxy.client.screening.summary", "epitaxy.client.screening.repeats", "epitaxy.client.inputs.reading_log",
}  # fmt: skip
MOST_ENTRIES = 24


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(CLIENT.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(CLIENT.parent).with_suffix("").parts
    return ".".join(("epitaxy", *(part for part in parts if part != "__init__")))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ([one for one in found if one in modules()] or [node.module])


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_results_import_nothing_but_values(name: str) -> None:
    known = {*RESULTS, "epitaxy.client.defaults", "numpy", "numpy.typing"}
    foreign = {one for one in imports_of(modules()[name]) if one.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign <= known


def test_no_file_of_the_client_imports_itself_over_others() -> None:
    graph = {name: set(imports_of(path)) & set(modules()) - {name} for name, path in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_no_room_of_the_client_leads_back_to_itself() -> None:
    def room(name: str) -> str:
        parts = name.split(".")
        return parts[2] if len(parts) > 2 and (CLIENT / parts[2]).is_dir() else name

    graph: dict[str, set[str]] = {}
    for name, path in modules().items():
        arrows = {room(one) for one in imports_of(path) if one in modules()}
        graph.setdefault(room(name), set()).update(arrows - {room(name)})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_the_client_has_few_entries() -> None:
    entries = [path for path in CLIENT.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES
