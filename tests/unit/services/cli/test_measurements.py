import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import measurement_server
import pandas as pd
import pytest


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with measurement_server.serving_in_thread(tmp_path, measurement_server.Seen()) as target:
        yield target


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes labels with so many misses at the end."""

    def write_rows(count: int, n_misses: int = 0, **changed: Any) -> Path:
        rows = measurement_server.rows(count)
        rows = [row | changed | {"structure": json.dumps(row["structure"])} for row in rows]
        rows = [row | ({"tc_k": 9.0} if index >= count - n_misses else {}) for index, row in enumerate(rows)]
        pd.DataFrame(rows).to_parquet(tmp_path / "labels.parquet")
        return tmp_path / "labels.parquet"

    return write_rows


@pytest.fixture
def report(run: Any, served: str) -> Callable[..., Any]:
    def report_file(path: Path, *more: object) -> Any:
        given = ("--data", path, "--column", "tc_k", "--unit", "K", "--property", "tc", "--target", served)
        return run("measurements", "report", *given, *more)

    return report_file


def test_a_report_ends_with_a_sentence_on_the_health(report: Any, write: Any) -> None:
    done = report(write(100, n_misses=40), "--model", "film")
    assert done.returncode == 0
    assert done.stdout.startswith("tc: 60 of the latest 100 measurements lie within their 90% intervals")
    assert "the intervals are too narrow, do not rely on them" in done.stdout
    assert done.stdout.count("\n") == 1
    assert "model     film:1\nrecorded  100 (0 known before)\nrefused   0\n" in done.stderr


def test_a_report_that_is_made_again_changes_nothing(report: Any, write: Any) -> None:
    first = report(write(70))
    again = report(write(80))
    assert "recorded  80 (70 known before)" in again.stderr
    assert "70 of the latest 70" in first.stdout
    assert "80 of the latest 80" in again.stdout


def test_json_says_all_of_it_in_one_object(report: Any, write: Any) -> None:
    path = write(3)
    report(path)
    table = pd.read_parquet(path)
    table.loc[0, "tc_k"] = 2.0
    table.loc[1, "id"] = "bad-1"
    table.to_parquet(path)
    done = report(path, "--json")
    assert done.returncode == 3
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["model"], said["version"], said["n_recorded"], said["n_repeats"]) == ("substrate", "1", 1, 1)
    assert [(entry["id"], entry["reason"]) for entry in said["refused"]] == [
        ("s0", "MEASUREMENT_CONFLICT"),
        ("bad-1", "PARTIAL_OCCUPANCY"),
    ]
    assert (said["health"]["verdict"], said["health"]["n_total"]) == ("TOO_FEW", 3)
    assert said["health"]["sentence"].startswith("tc: 3 of the latest 3")
    assert "s0: MEASUREMENT_CONFLICT: s0 is known with 1, and 2 is reported" in done.stderr


def test_a_mistake_in_the_table_or_the_unit_is_one_line(report: Any, run: Any, write: Any, served: str) -> None:
    without_ids = report(write(2, id=None))
    assert (without_ids.returncode, without_ids.stdout) == (2, "")
    assert "row 0 has no id" in without_ids.stderr
    wrong_unit = run(
        "measurements", "report", "--data", write(2), "--column", "tc_k", "--unit", "meV", "--target", served
    )
    assert wrong_unit.returncode == 1
    assert "tc is in 'K'" in wrong_unit.stderr
    assert "Traceback" not in wrong_unit.stderr


def test_models_show_ends_with_the_health_where_there_is_any(run: Any, report: Any, write: Any, served: str) -> None:
    before = run("models", "show", "film", "--target", served)
    report(write(40, n_misses=20), "--model", "film")
    after = run("models", "show", "film", "--target", served)
    assert (before.returncode, after.returncode) == (0, 0)
    assert "what you measured" not in before.stdout
    assert "what you measured" in after.stdout
    line = after.stdout.splitlines()[-1].split()
    assert line[:7] == ["tc", "40", "of", "40", "0.500", "at", "0.9"]
    assert line[-1] == "overconfident"
    document = json.loads(run("models", "show", "film", "--json", "--target", served).stdout)
    assert (document["name"], document["health"][0]["verdict"]) == ("film", "OVERCONFIDENT")


def test_models_show_does_without_a_server_that_keeps_measurements(run: Any, target: str) -> None:
    shown = run("models", "show", "film", "--target", target)
    # The model stands on an earlier substrate, which is told; that nothing is known of its health is not an error.
    hint = "refit     to fit it on the present shared model: epitaxy finetune refit film:1\n"
    assert (shown.returncode, shown.stderr) == (0, hint)
    assert json.loads(run("models", "show", "film", "--json", "--target", target).stdout)["health"] == []
