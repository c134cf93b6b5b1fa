"""``--out FOLDER``: the same table in parts, which a killed run does not lose."""

import json
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def faults(small_server: ModuleType) -> Any:
    return small_server.Faults()


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "_parts.jsonl").read_text().splitlines()[1:]]


def test_a_folder_of_parts_is_the_table_of_one_file(run: Any, target: str, crystals_file: Any, tmp_path: Path) -> None:
    crystals = crystals_file(250, "bad1", "c3")
    options = ("--target", target, "--chunk-size", 16, "--top", 3, "--sort", "band_gap")
    whole = run("screen", crystals, "--out", "r.parquet", "--refused", "a.csv", *options)
    done = run("screen", crystals, "--out", "r", "--part-size", 100, "--refused", "b.csv", *options)
    assert (done.returncode, whole.returncode) == (3, 3), done.stderr
    assert [record["end"] for record in records(tmp_path / "r")] == [100, 200, 252]
    assert [pq.read_metadata(path).num_rows for path in parts_of(tmp_path / "r")] == [200, 200, 103]
    # As pandas and Arrow read a folder of parts.
    assert pd.read_parquet(tmp_path / "r").equals(pd.read_parquet(tmp_path / "r.parquet"))
    assert done.stdout == whole.stdout
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    told = [
        [line for line in one.stderr.splitlines() if line.split()[0] not in ("elapsed", "wrote", "screened")]
        for one in (done, whole)
    ]
    assert told[0] == told[1]
    assert "1 repeated id (c3)" in done.stderr
    again = run("screen", crystals, "--out", "r", *options)
    assert again.returncode == 2
    assert "r holds the parts of a run: pass --resume to continue it, or --restart" in " ".join(again.stderr.split())
    # A folder of results inside a folder of inputs is no input.
    nested = run("screen", ".", "--out", "r", "--restart", *options)
    assert "answered  251" in nested.stderr


def test_a_killed_run_goes_on_after_its_last_part(
    start: Any, run: Any, target: str, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    faults.delay_seconds = 0.05
    arguments = ("screen", crystals_file(2000, "bad1"), "--target", target, "--chunk-size", "8", "--part-size", 150)
    with start(*arguments, "--out", "r") as process:
        give_up = time.monotonic() + 30
        while len(parts_of(tmp_path / "r")) < 2 and time.monotonic() < give_up:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    with (tmp_path / "r" / "_parts.jsonl").open("a") as manifest:
        manifest.write('{"number": 77, "st')  # killed in the middle of a line
    kept = records_before(tmp_path / "r")
    assert 300 <= kept < 2000
    faults.delay_seconds = 0.0
    faults.seen_ids.clear()
    resumed = run(*arguments, "--out", "r", "--resume")
    asked = set(faults.seen_ids)
    assert resumed.returncode == 3, resumed.stderr
    assert asked == {*(f"c{index}" for index in range(kept, 2000)), "bad1"}
    assert "answered  2000" in resumed.stderr
    assert run(*arguments, "--out", "whole.parquet").returncode == 3
    assert pd.read_parquet(tmp_path / "r").equals(pd.read_parquet(tmp_path / "whole.parquet"))
    other = run(*arguments, "--out", "r", "--resume", "--coverage", "0.8")
    assert (other.returncode, "coverage (0.9 then, 0.8 now)" in other.stderr) == (2, True)


def test_an_interrupted_run_keeps_the_answers_of_a_part_that_was_not_full(
    start: Any, run: Any, target: str, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    # So slow that the run lasts seconds after its first part, and is interrupted in its midst.
    faults.delay_seconds = 0.2
    arguments = (
        "screen",
        crystals_file(2000),
        "--target",
        target,
        "--chunk-size",
        "8",
        "--part-size",
        300,
        "--out",
        "r",
    )
    with start(*arguments) as process:
        give_up = time.monotonic() + 30
        while not parts_of(tmp_path / "r") and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    kept = max(record["end"] for record in records(tmp_path / "r"))
    assert process.returncode == 130
    assert f"{kept} answers are kept; to continue: epitaxy screen" in told
    assert kept > 300
    faults.delay_seconds = 0.0
    faults.seen_ids.clear()
    assert run(*arguments, "--resume").returncode == 0
    assert set(faults.seen_ids) == {f"c{index}" for index in range(kept, 2000)}
    assert pd.read_parquet(tmp_path / "r")["id"].nunique() == 2000


def records_before(folder: Path) -> int:
    lines = (folder / "_parts.jsonl").read_text().splitlines()[1:-1]
    return max(json.loads(line)["end"] for line in lines)


def test_a_part_with_passing_faults_is_written_anew_when_the_run_is_resumed(
    run: Any, target: str, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    crystals = crystals_file(60, "lost1", *(f"d{index}" for index in range(60)))
    arguments = ("screen", crystals, "--target", target, "--chunk-size", "8", "--part-size", 50, "--out", "r")
    first = run(*arguments)
    assert (first.returncode, "failed    1" in first.stderr) == (3, True)
    assert [record["n_failed"] for record in records(tmp_path / "r")] == [0, 1, 0]
    untouched = parts_of(tmp_path / "r")[0].stat().st_mtime_ns
    faults.seen_ids.clear()
    second = run(*arguments, "--resume")
    assert (second.returncode, "failed    1" in second.stderr) == (3, True)
    assert "answered  120" in second.stderr
    assert set(faults.seen_ids) == {*(f"c{index}" for index in range(50, 60)), "lost1", *(f"d{i}" for i in range(39))}
    assert parts_of(tmp_path / "r")[0].stat().st_mtime_ns == untouched
    assert len(pd.read_parquet(tmp_path / "r")) == 241


def test_a_folder_with_other_files_is_left_alone(run: Any, target: str, crystals_file: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    done = run("screen", crystals_file(2), "--target", target, "--out", "mine")
    assert (done.returncode, "holds other files" in done.stderr) == (2, True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_table_without_rows_is_a_part_without_rows(run: Any, target: str, tmp_path: Path) -> None:
    pd.DataFrame({"id": [], "structure": []}, dtype=str).to_parquet(tmp_path / "none.parquet")
    done = run("screen", "none.parquet", "--target", target, "--out", "r")
    assert done.returncode == 0, done.stderr
    assert pd.read_parquet(tmp_path / "r").shape == (0, 22)
