"""What every transport keeps, see ``epitaxy.consortium.ports.Federation``."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from epitaxy.consortium.domain.errors import MemberMissingError

NAMES = ("anvil", "bellows", "crucible")


def _answers(name: str) -> Callable[[bytes], bytes]:
    return lambda message: name.encode() + b" got " + message


def test_each_answer_is_that_of_its_member_to_its_message(connect: Any) -> None:
    federation = connect({name: _answers(name) for name in NAMES})
    assert sorted(federation.names) == sorted(NAMES)
    for turn in (b"1", b"2"):
        answers = federation.exchange({name: turn + name.encode() for name in NAMES}, 30.0)
        assert answers == {name: name.encode() + b" got " + turn + name.encode() for name in NAMES}


def test_messages_of_megabytes_arrive_whole(connect: Any) -> None:
    large = bytes(range(256)) * (4 << 12)
    federation = connect({name: lambda message: message[::-1] for name in NAMES})
    answers = federation.exchange(dict.fromkeys(NAMES, large), 60.0)
    assert set(answers) == set(NAMES)
    assert all(answer == large[::-1] for answer in answers.values())


def test_a_member_that_is_gone_fails_the_exchange_at_once(connect: Any) -> None:
    federation = connect({name: _answers(name) for name in NAMES})
    federation.kill("bellows")
    started = time.monotonic()
    with pytest.raises(MemberMissingError, match="bellows did not answer") as raised:
        federation.exchange(dict.fromkeys(NAMES, b"x"), 8.0)
    assert raised.value.missing == ("bellows",)
    assert time.monotonic() - started < 10.0


def test_a_member_that_dies_at_work_fails_the_exchange_within_ten_seconds(connect: Any) -> None:
    release = threading.Event()

    def hangs(message: bytes) -> bytes:
        release.wait(30.0)
        return message

    federation = connect({"anvil": hangs, "bellows": _answers("bellows"), "crucible": _answers("crucible")})
    threading.Timer(0.5, lambda: federation.kill("anvil")).start()
    started = time.monotonic()
    with pytest.raises(MemberMissingError, match="anvil did not answer"):
        federation.exchange(dict.fromkeys(NAMES, b"x"), 60.0)
    assert time.monotonic() - started < 10.0
    release.set()


def test_a_slow_member_is_waited_for_and_then_fails_the_exchange(connect: Any) -> None:
    release = threading.Event()

    def slow(message: bytes) -> bytes:
        release.wait(30.0)
        return message

    federation = connect({"anvil": slow, "bellows": _answers("bellows"), "crucible": _answers("crucible")})
    started = time.monotonic()
    with pytest.raises(MemberMissingError, match="anvil did not answer"):
        federation.exchange(dict.fromkeys(NAMES, b"x"), 1.0)
    assert 0.9 < time.monotonic() - started < 5.0
    release.set()


def test_a_member_that_nobody_knows_fails_the_exchange(connect: Any) -> None:
    federation = connect({name: _answers(name) for name in NAMES})
    with pytest.raises(MemberMissingError, match="stranger did not answer"):
        federation.exchange({"anvil": b"x", "stranger": b"x"}, 5.0)


def test_it_closes_twice(connect: Any) -> None:
    federation = connect({name: _answers(name) for name in NAMES})
    federation.close()
    federation.close()
