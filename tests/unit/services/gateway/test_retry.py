import time

import pytest

from epitaxy.chassis.errors import InternalError, OverloadedError, UnavailableError
from epitaxy.gateway.retry import Patience, RetryPolicy, call_again

POLICY = RetryPolicy(max_losses=2, base_seconds=0.01, max_seconds=0.05)


class Attempts:
    """Raises the given errors in turn, then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.count = 0

    async def __call__(self):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def lost():
    return UnavailableError("lost")


def busy(seconds=0.0):
    return OverloadedError("full", retry_after_seconds=seconds)


async def run(attempts, *, seconds=10.0, waits_out_overload=True):
    causes = []
    patience = Patience(time.monotonic() + seconds, waits_out_overload)
    return await call_again(attempts, POLICY, patience, causes.append), causes


async def test_a_lost_call_is_sent_again():
    assert await run(Attempts(lost(), lost())) == ("done", ["UNAVAILABLE", "UNAVAILABLE"])


async def test_a_call_that_stays_lost_fails_after_its_retries():
    attempts = Attempts(lost(), lost(), lost(), lost())
    with pytest.raises(UnavailableError, match="lost"):
        await run(attempts)
    assert attempts.count == 3


async def test_overload_does_not_use_up_the_retries_of_a_lost_call():
    result, causes = await run(Attempts(busy(), busy(), busy(), lost(), busy(), lost()))
    assert result == "done"
    assert causes.count("OVERLOADED") == 4


async def test_overload_is_passed_on_at_once_to_who_does_not_wait():
    attempts = Attempts(busy())
    with pytest.raises(OverloadedError, match="full"):
        await run(attempts, waits_out_overload=False)
    assert attempts.count == 1


async def test_nobody_waits_past_the_deadline():
    started = time.monotonic()
    with pytest.raises(OverloadedError, match="full"):
        await run(Attempts(busy(30.0)), seconds=0.2)
    assert time.monotonic() - started < 0.1


async def test_other_errors_are_not_repeated():
    attempts = Attempts(InternalError("bug"))
    with pytest.raises(InternalError, match="bug"):
        await run(attempts)
    assert attempts.count == 1


def test_waits_keep_the_hint_or_double_up_to_the_longest():
    assert all(2.0 <= POLICY.wait_seconds(busy(2.0), 1) <= 2.5 for _ in range(50))
    for n_failures, ceiling in ((1, 0.01), (2, 0.02), (3, 0.04), (4, 0.05), (5000, 0.05)):
        waits = [POLICY.wait_seconds(lost(), n_failures) for _ in range(50)]
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)
        assert len(set(waits)) > 1
