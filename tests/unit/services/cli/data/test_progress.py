"""Progress over rows where there is no terminal."""

import io

import pytest
from rich.console import Console

from epitaxy.cli.data import progress
from epitaxy.cli.data.progress import show_rows


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time now, as its only item."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_comes_every_two_seconds_with_rate_and_time_left(clock: list[float]) -> None:
    output = io.StringIO()
    with show_rows(Console(file=output, width=160), "converting", 40) as report:
        for _ in range(20):
            clock[0] += 0.5
            report.advance()
    lines = output.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith("converting 20 of 40, 2/s, ")


def test_rows_of_an_earlier_run_do_not_count_for_the_rate(clock: list[float]) -> None:
    output = io.StringIO()
    with show_rows(Console(file=output, width=160), "downloading", None) as report:
        report.at(1000, 2000)
        clock[0] += 10
        report.at(1100, 2000)
    assert output.getvalue() == "downloading 1100 of 2000, 10/s, 1:30 left\n"


def test_without_a_total_no_time_left_is_made_up(clock: list[float]) -> None:
    output = io.StringIO()
    with show_rows(Console(file=output, width=160), "downloading", None) as report:
        clock[0] += 2
        report.at(0, None)
    assert output.getvalue() == "downloading 0, 0/s, unknown left\n"
