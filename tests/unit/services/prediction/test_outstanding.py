"""Who gets the next piece of work."""

import pytest

from epitaxy.prediction.outstanding import ACCEPTANCE_SECONDS, OutstandingWork

WORKERS = ("one", "two", "three")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(clock: Clock) -> OutstandingWork[str]:
    work: OutstandingWork[str] = OutstandingWork(clock)
    work.keep(WORKERS)
    return work


def given(work: OutstandingWork[str], piece: str, weight: int = 10) -> str:
    """The worker that a piece went to, which took it."""
    first = work.choose(piece, WORKERS, weight)[0]
    work.accept(piece, first, weight)
    return first


def test_pieces_that_come_at_once_are_spread_before_any_is_accepted(work: OutstandingWork[str]) -> None:
    firsts = [work.choose(f"piece {number}", WORKERS, 10)[0] for number in range(6)]
    assert sorted(firsts) == sorted(2 * WORKERS)


def test_weight_counts_and_not_the_number_of_pieces(work: OutstandingWork[str]) -> None:
    heavy = given(work, "block", 100)
    light = [given(work, f"single {number}", 10) for number in range(8)]
    assert heavy not in light


def test_every_worker_is_named_in_the_order_to_try(work: OutstandingWork[str]) -> None:
    first, second = given(work, "a", 30), given(work, "b", 20)
    [third] = set(WORKERS) - {first, second}
    assert work.ranked(WORKERS) == [third, second, first]
    assert work.choose("c", WORKERS, 5) == [third, second, first]


def test_an_answer_frees_the_worker(work: OutstandingWork[str]) -> None:
    busy = [given(work, name, 10) for name in "abc"]
    work.finish(busy[1], 10)
    assert work.ranked(WORKERS)[0] == busy[1]


def test_workers_with_nothing_to_do_take_turns(work: OutstandingWork[str]) -> None:
    firsts = []
    for number in range(6):
        firsts.append(given(work, f"piece {number}"))
        work.finish(firsts[-1], 10)
    assert firsts[:3] == firsts[3:]
    assert set(firsts) == set(WORKERS)


def test_a_piece_that_another_took_is_that_ones_work(work: OutstandingWork[str]) -> None:
    first, second, third = work.choose("piece", WORKERS, 10)
    work.accept("piece", second, 10)
    assert work.ranked(WORKERS) == [third, first, second]


def test_a_piece_chosen_again_counts_once(work: OutstandingWork[str]) -> None:
    for _ in range(5):
        work.choose("refused by all", WORKERS, 10)
    work.accept("refused by all", "one", 10)
    work.finish("one", 10)
    assert [given(work, name) for name in "abc"].count("one") == 1


def test_a_choice_that_nobody_accepts_is_forgotten(work: OutstandingWork[str], clock: Clock) -> None:
    lost = work.choose("lost", WORKERS, 1000)[0]
    assert given(work, "soon", 1) != lost
    clock.now += ACCEPTANCE_SECONDS + 0.1
    assert lost in {given(work, name, 10) for name in "ab"}


def test_what_a_gone_worker_had_is_no_burden_to_the_next_of_its_name(work: OutstandingWork[str]) -> None:
    gone = given(work, "piece", 50)
    work.keep([name for name in WORKERS if name != gone])
    work.finish(gone, 50)
    work.keep(WORKERS)
    assert gone in {given(work, name, 10) for name in "abc"}


def test_nobody_there_is_nobody_chosen(work: OutstandingWork[str]) -> None:
    assert work.choose("piece", (), 10) == []
