"""Imports by name: none of them hides an arrow between own modules from import-linter and from the picture."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OWN = ("epitaxy", "epitaxy_models")
# Files that import a module whose name is not written there, and why.
CHOSEN_BY_NAME = {
    "services/epitaxy/finetune/work/composition.py": "the work of a job is a setting, so that tests can put another in",
    "services/epitaxy/stack/driver.py": "the Serve application is a part of the plan, so that tests can put another in",
}
_IMPORTERS = ("import_module", "__import__")


def imports_by_name(source: str) -> Iterator[ast.Call]:
    """Calls of ``importlib.import_module`` and ``__import__``, under whatever name the module has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in _IMPORTERS:
                yield node


def is_of_another_package(call: ast.Call) -> bool:
    """Whether the name stands there and is not one of ours."""
    name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    return isinstance(name, str) and name.partition(".")[0] not in OWN


def sources() -> dict[str, str]:
    files = [file for top in ("services", "models") for file in sorted((ROOT / top).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


def test_own_modules_are_imported_by_statements() -> None:
    hidden = [
        f"{name}:{call.lineno}"
        for name, source in sources().items()
        if name not in CHOSEN_BY_NAME
        for call in imports_by_name(source)
        if not is_of_another_package(call)
    ]
    assert hidden == []


def test_every_exception_is_needed() -> None:
    found = sources()
    assert [name for name in CHOSEN_BY_NAME if not list(imports_by_name(found.get(name, "")))] == []


@pytest.mark.parametrize(
    ("source", "is_hidden"),
    [
        ("import importlib\nimportlib.import_module('epitaxy.cli')", True),
        ("from importlib import import_module\nimport_module('epitaxy_models.errors')", True),
        ("__import__('epitaxy')", True),
        ("import importlib\nimportlib.import_module(name)", True),
        ("import importlib\nimportlib.import_module(f'{package}.x')", True),
        ("import importlib\nimportlib.import_module('mp_api.client')", False),
        ("import importlib\nimportlib.import_module('epitaxyish')", False),
        ("from epitaxy.cli import app", False),
    ],
)
def test_hidden_imports_are_told_from_open_ones(source: str, is_hidden: bool) -> None:
    assert any(not is_of_another_package(call) for call in imports_by_name(source)) == is_hidden
