"""The rules that the public protos keep: style, comments, and no change that breaks a caller."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTOS = Path(__file__).parents[3] / "protos"
BUF = Path(sys.executable).with_name("buf")


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(PROTOS, tmp_path / "protos"))


def _edit(protos: Path, file: str, before: str, after: str) -> None:
    path = protos / "epitaxy" / file
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def _lint(protos: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUF, "lint"], cwd=protos, capture_output=True, text=True, check=False)


def _breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    command = [BUF, "breaking", "--against", "contract.binpb"]
    return subprocess.run(command, cwd=protos, capture_output=True, text=True, check=False)


def test_the_protos_keep_the_rules(protos: Path) -> None:
    assert _lint(protos).stdout == ""
    assert _breaking(protos).stdout == ""


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("string alias = 2;", "string alias_name = 2;", "changed name"),
        ("string alias = 2;", "string alias = 9;", '"2"'),
        ("string alias = 2;", "bytes alias = 2;", "changed type"),
        ("message ModelStamp {", "message ModelMark {", "ModelStamp"),
    ],
)
def test_a_change_that_breaks_callers_is_refused(protos: Path, before: str, after: str, complaint: str) -> None:
    _edit(protos, "common/v1/model.proto", before, after)
    refused = _breaking(protos)
    assert refused.returncode != 0
    assert complaint in refused.stdout


def test_an_addition_breaks_nobody(protos: Path) -> None:
    added = "  // Where the model was made.\n  string origin = 4;\n}\n\n// Identifies"
    _edit(protos, "common/v1/model.proto", "}\n\n// Identifies", added)
    assert _breaking(protos).stdout == ""
    assert _lint(protos).stdout == ""


def test_internal_protos_may_change(protos: Path) -> None:
    _edit(protos, "internal/v1/measurement_backend.proto", "double coverage = 7;", "double nominal_coverage = 7;")
    assert _breaking(protos).stdout == ""


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("  // Name of the model.\n  string name = 1;\n  // Version", "  string name = 1;\n  // Version", "comment"),
        ("string version = 2;", "string Version = 2;", "lower_snake_case"),
        ("oneof which {", "oneof Which {", "lower_snake_case"),
    ],
)
def test_a_breach_of_style_is_told(protos: Path, before: str, after: str, complaint: str) -> None:
    _edit(protos, "common/v1/model.proto", before, after)
    assert complaint in _lint(protos).stdout
