"""The journal: whole lines are handed over once each, whatever a killed writer left."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from epitaxy.pretraining.journal import JournalFollower, JournalWriter, epoch_reports
from epitaxy_models.training.report import EpochReport

REPORT = EpochReport(1, 0.5, 0.4, {"gap": 0.3}, {"gap": [0.3, 0.4]}, 2.0, 640)


def test_follower_hands_over_each_line_once_and_nothing_from_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    JournalWriter(path).on_epoch(REPORT)
    heard: list[Mapping[str, Any]] = []
    with JournalFollower(path, heard.append):
        JournalWriter(path).on_start([1, 2], 1, 4)
        time.sleep(0.5)
        JournalWriter(path).on_epoch(replace(REPORT, epoch=2))
    assert [(event["event"], event["epoch"]) for event in heard] == [("started", 1), ("epoch", 2)]
    assert heard[0]["pids"] == [1, 2]


def test_half_a_line_of_a_killed_writer_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    JournalWriter(path).on_epoch(REPORT)
    with path.open("a") as file:
        file.write('{"event": "epoch", "epo')
    JournalWriter(path).on_start([1], 1, 4)
    JournalWriter(path).on_epoch(replace(REPORT, epoch=2))
    assert [report.epoch for report in epoch_reports(path)] == [1, 2]


def test_repeated_epoch_counts_as_it_was_run_last(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    JournalWriter(path).on_epoch(REPORT)
    JournalWriter(path).on_epoch(replace(REPORT, seconds=9.0))
    assert epoch_reports(path) == [replace(REPORT, seconds=9.0)]


def test_failure_of_the_listener_reaches_the_caller(tmp_path: Path) -> None:
    def fail(_: Mapping[str, Any]) -> None:
        raise ValueError("no tracking server")

    with pytest.raises(ValueError, match="no tracking server"), JournalFollower(tmp_path / "j", fail):
        JournalWriter(tmp_path / "j").on_epoch(REPORT)
