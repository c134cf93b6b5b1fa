"""``epitaxy data``: mistakes are told in one line before anything is read or downloaded."""

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convert", "rows.jsonl", "--out", "a.csv"), "--out a.csv must end in .parquet"),
        (("convert", "rows.jsonl", "--out", "gone/a.parquet"), "--out gone/a.parquet: the folder gone does not exist"),
        (
            ("convert", "rows.jsonl", "--out", "a.parquet", "--name", "gap"),
            "--name 'gap' must have the form",
        ),
        (
            ("fetch", "materials-project", "--out", "a.parquet", "--filter", "nsites<3"),
            "--filter 'nsites<3' is not a JSON object of search criteria",
        ),
        (
            ("fetch", "materials-project", "--out", "a.parquet", "--filter", "[3]"),
            "--filter '[3]' is not a JSON object of search criteria",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    run: Any, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": "a", "structure": "data_a", "gap": 1.0}\n')
    done = run("data", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"epitaxy: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_file_that_is_no_table_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("id,gap\n")
    done = run("data", "inspect", "a.parquet")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a.parquet" in done.stderr
