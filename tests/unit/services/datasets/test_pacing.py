from datetime import UTC, datetime

import pytest

from epitaxy.datasets.pacing import LONGEST_WAIT_SECONDS, Pacer, backoff_seconds, retry_after_seconds


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 9))
        self.now += seconds


def test_requests_are_spaced_by_the_rate() -> None:
    clock = Clock()
    pacer = Pacer(4.0, clock, clock.sleep)
    for _ in range(3):
        pacer.wait_turn()
    clock.now += 10
    pacer.wait_turn()
    assert clock.slept == [0.25, 0.25]


def test_a_hold_outlasts_the_rate_but_not_patience() -> None:
    clock = Clock()
    pacer = Pacer(4.0, clock, clock.sleep)
    pacer.wait_turn()
    pacer.hold(3.0)
    pacer.hold(1.0)
    pacer.wait_turn()
    pacer.hold(1e9)
    pacer.wait_turn()
    assert clock.slept == [3.0, LONGEST_WAIT_SECONDS]


def test_retry_after_is_a_number_or_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after_seconds("7") == 7.0
    assert retry_after_seconds("Thu, 01 Jan 2026 12:00:30 GMT", now) == 30.0
    assert retry_after_seconds("Thu, 01 Jan 2026 11:00:00 GMT", now) == 0.0
    assert retry_after_seconds("soon", now) is None
    assert retry_after_seconds(None) is None


def test_failures_in_a_row_wait_longer_up_to_a_minute() -> None:
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 10)] == [1.0, 2.0, 4.0, 60.0]


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_per_second must be positive"):
        Pacer(0.0)
