"""``epitaxy data convert`` and ``inspect`` as a person runs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for number in range(4):
            edge = 3 + number / 10 if number else 0.0
            structure = {
                "lattice": [[edge, 0, 0], [0, edge, 0], [0, 0, edge]],
                "species": [55, 17],
                "frac": [[0, 0, 0], [0.5, 0.5, 0.5]],
            }
            file.write(json.dumps({"id": f"c{number}", "structure": structure, "gap": float(number)}) + "\n")
    return path


def test_convert_reports_counts_and_inspect_reads_the_table(run: Run, rows: Path) -> None:
    done = run("convert", rows, "--out", "a.parquet", "--unit", "gap=eV", "--licence", "CC0-1.0")
    assert done.returncode == 3, done.stderr
    assert "read     4\nkept     3\nrefused  1\n        1 DEGENERATE_CELL\n" in done.stderr
    assert "wrote a.parquet, and the refused rows to a.parquet.refused.csv" in done.stderr
    shown = run("inspect", "a.parquet")
    assert shown.returncode == 0, shown.stderr
    assert "rows        3, 0 with a refused structure" in shown.stdout
    assert "gap_eV" in shown.stdout
    assert "licence CC0-1.0" in shown.stdout
    document = json.loads(run("inspect", "a.parquet", "--json").stdout)
    assert document["labels"]["gap_eV"]["maximum"] == 3.0
    assert document["provenance"]["refused"] == {"DEGENERATE_CELL": 1}


def test_mistakes_end_with_one_line_and_code_2(run: Run, rows: Path, tmp_path: Path) -> None:
    unitless = run("convert", rows, "--out", "a.parquet")
    assert unitless.returncode == 2
    assert "--unit gap=SUFFIX" in unitless.stderr
    assert len(unitless.stderr.splitlines()) == 1
    ending = run("convert", rows, "--out", "a.csv")
    assert (ending.returncode, "must end in .parquet" in ending.stderr) == (2, True)
    foreign = run("inspect", rows)
    assert (foreign.returncode, "is no Parquet file" in foreign.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
