import json
import re
import signal
import subprocess
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def faults(small_server: ModuleType) -> Any:
    """Slow enough to be caught half-way."""
    return small_server.Faults(delay_seconds=0.05)


def wait_for_answers(process: subprocess.Popen[str], journal: Path, count: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} answers in time: {process.communicate()}")


@pytest.fixture
def killed_run(start: Any, target: str, crystals_file: Any, tmp_path: Path) -> tuple[Any, ...]:
    """A screening of 2,000 crystals, killed when a part of it was answered; gives its arguments."""
    crystals = crystals_file(2000, "bad1", "bad2")
    arguments = ("screen", crystals, "--target", target, "--chunk-size", "8", "--out")
    journal = tmp_path / "r.parquet.journal"
    with start(*arguments, "r.parquet") as process:
        wait_for_answers(process, journal, 400)
        process.send_signal(signal.SIGKILL)
    assert 400 <= journal.read_bytes().count(b"\n") < 1500
    assert not (tmp_path / "r.parquet").exists()
    return arguments


def test_a_killed_run_is_resumed_to_the_same_table(
    run: Any, killed_run: tuple[Any, ...], faults: Any, tmp_path: Path
) -> None:
    lines = (tmp_path / "r.parquet.journal").read_text().splitlines()[1:-1]
    kept = {json.loads(line)[2][0][0] for line in lines}
    faults.delay_seconds = 0.0
    faults.seen_ids.clear()
    resumed = run(*killed_run, "r.parquet", "--resume")
    asked = set(faults.seen_ids)
    whole = run(*killed_run, "whole.parquet")
    assert (resumed.returncode, whole.returncode) == (3, 3), resumed.stderr
    assert (tmp_path / "r.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert asked.isdisjoint(kept)
    assert "answered  2000" in resumed.stderr
    assert not (tmp_path / "r.parquet.journal").exists()


def test_a_torn_last_line_is_asked_for_again(
    run: Any, killed_run: tuple[Any, ...], faults: Any, tmp_path: Path
) -> None:
    faults.delay_seconds = 0.0
    journal = tmp_path / "r.parquet.journal"
    journal.write_bytes(journal.read_bytes().rstrip(b"\n")[:-20])
    assert run(*killed_run, "r.parquet", "--resume").returncode == 3
    assert run(*killed_run, "whole.parquet").returncode == 3
    assert (tmp_path / "r.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_what_a_killed_run_left_is_neither_used_nor_dropped_unasked(
    run: Any, killed_run: tuple[Any, ...], faults: Any, tmp_path: Path
) -> None:
    left = (tmp_path / "r.parquet.journal").read_bytes()
    refused = run(*killed_run, "r.parquet")
    assert refused.returncode == 2
    assert "pass --resume to continue it, or --restart to discard it" in refused.stderr
    assert (tmp_path / "r.parquet.journal").read_bytes() == left
    faults.delay_seconds = 0.0
    faults.seen_ids.clear()
    assert run(*killed_run, "r.parquet", "--restart").returncode == 3
    assert faults.seen_ids.total() == 2002


def test_a_resumption_of_another_run_is_refused_with_what_differs(
    run: Any, killed_run: tuple[Any, ...], faults: Any, tmp_path: Path
) -> None:
    other_coverage = run(*killed_run, "r.parquet", "--resume", "--coverage", "0.8")
    other_property = run(*killed_run, "r.parquet", "--resume", "--property", "band_gap")
    faults.model_version = "2"
    other_weights = run(*killed_run, "r.parquet", "--resume")
    faults.model_version = "1"
    with (tmp_path / "crystals.jsonl").open("a") as file:
        file.write("{}\n")
    other_inputs = run(*killed_run, "r.parquet", "--resume")
    for done, message in (
        (other_coverage, "coverage (0.9 then, 0.8 now)"),
        (other_property, "properties ( then, band_gap now)"),
        (other_weights, "model (substrate:1 then, substrate:2 now)"),
        (other_inputs, "different inputs"),
    ):
        assert done.returncode == 2
        assert message in done.stderr


def test_an_interrupt_keeps_the_answers_and_says_how_to_go_on(
    start: Any, run: Any, target: str, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    arguments = ("screen", crystals_file(2000), "--target", target, "--chunk-size", "8", "--out", "r.csv")
    with start(*arguments) as process:
        wait_for_answers(process, tmp_path / "r.csv.journal", 200)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "answers are kept; to continue: epitaxy screen" in err
    assert err.rstrip().endswith("--resume")
    assert "Traceback" not in err
    faults.delay_seconds = 0.0
    assert run(*arguments, "--resume").returncode == 0


def test_a_lost_server_keeps_the_answers(
    start: Any, small_server: ModuleType, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    faults.required_key = "secret"
    with small_server.serving_in_thread(faults) as target:
        arguments = ("screen", crystals_file(2000), "--target", target, "--chunk-size", "8", "--out", "r.csv")
        with start(*arguments, EPITAXY_API_KEY="secret") as process:
            wait_for_answers(process, tmp_path / "r.csv.journal", 200)
            # The stream breaks, and the next one is not let in.
            faults.required_key, faults.drop_after_messages = "another", 0
            _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "unknown API key" in err
    assert "answers are kept; to continue" in err
    assert "secret" not in err


def test_answers_are_on_disk_as_soon_as_their_block_is_there(
    start: Any, target: str, faults: Any, crystals_file: Any, tmp_path: Path
) -> None:
    faults.delay_seconds = 1.0  # the last answers come a second after the first
    crystals = crystals_file(20)  # less in all than a file object holds back
    arguments = ("screen", crystals, "--target", target, "--chunk-size", 1, "--property", "band_gap", "--out", "r.csv")
    with start(*arguments) as process:
        wait_for_answers(process, tmp_path / "r.csv.journal", 1)
        n_lines = (tmp_path / "r.csv.journal").read_bytes().count(b"\n")
        process.kill()
    assert n_lines < 1 + 20


def test_two_screenings_cannot_write_one_table(
    start: Any, run: Any, target: str, crystals_file: Any, tmp_path: Path
) -> None:
    arguments = ("screen", crystals_file(2000), "--target", target, "--chunk-size", "8", "--out", "r.csv")
    with start(*arguments) as process:
        wait_for_answers(process, tmp_path / "r.csv.journal", 50)
        # Held in the middle of its work, however long the second one takes to start.
        process.send_signal(signal.SIGSTOP)
        second = run(*arguments, "--restart")
        process.kill()
    assert second.returncode == 2
    assert "in use" in second.stderr


def test_a_full_disk_ends_the_run_by_name_and_what_is_kept_is_not_asked_for_again(
    run: Any, target: str, faults: Any, crystals_file: Any, small_disk: Any
) -> None:
    faults.delay_seconds = 0.0
    small_disk.fill()
    with (small_disk.folder / "ballast").open("rb+") as ballast:
        ballast.truncate((small_disk.folder / "ballast").stat().st_size - 200_000)
    arguments = ("screen", crystals_file(3000), "--target", target, "--chunk-size", "8")
    out = small_disk.folder / "r.parquet"
    ended = run(*arguments, "--out", out)
    assert (ended.returncode, ended.stderr.count("epitaxy: ")) == (1, 1), ended.stderr
    assert f"epitaxy: STORAGE_FULL: no space is left on the disk under {small_disk.folder}" in ended.stderr
    [n_kept] = re.findall(r"^(\d+) answers are kept; to continue: epitaxy screen ", ended.stderr, re.MULTILINE)
    assert 100 < int(n_kept) < 3000
    lines = (small_disk.folder / "r.parquet.journal").read_bytes().split(b"\n")[1:-1]
    kept = {json.loads(line)[2][0][0] for line in lines}
    assert len(kept) >= int(n_kept)
    small_disk.make_room()
    time.sleep(0.5)  # messages of the first run may still arrive
    faults.seen_ids.clear()
    assert run(*arguments, "--out", out, "--resume").returncode == 0
    assert kept.isdisjoint(faults.seen_ids)
    whole = small_disk.folder / "whole.parquet"
    assert run(*arguments, "--out", whole).returncode == 0
    assert out.read_bytes() == whole.read_bytes()
