"""Who gets the next piece of work."""

import pytest

from epitaxy.prediction.serve.outstanding_work import FORGOTTEN_AFTER_SECONDS, OutstandingWork

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
    """The worker that a piece went to."""
    first = work.choose(piece, WORKERS, weight)[0]
    work.move(piece, first)
    return first


def test_pieces_that_come_at_once_are_spread_before_any_is_taken(work: OutstandingWork[str]) -> None:
    firsts = [work.choose(f"piece {number}", WORKERS, 10)[0] for number in range(6)]
    assert sorted(firsts) == sorted(2 * WORKERS)


def test_weight_counts_and_not_the_number_of_pieces(work: OutstandingWork[str]) -> None:
    heavy = given(work, "block", 100)
    light = [given(work, f"single {number}", 10) for number in range(8)]
    assert heavy not in light


def test_a_piece_weighs_for_as_long_as_it_takes(work: OutstandingWork[str], clock: Clock) -> None:
    busy = given(work, "large cells", 100)
    for number in range(50):
        clock.now += 2.0
        other = given(work, f"single {number}", 10)
        assert other != busy
        work.finish(f"single {number}", other)
    work.finish("large cells", busy)
    assert busy in {given(work, name) for name in "abc"}


def test_every_worker_is_named_in_the_order_to_try(work: OutstandingWork[str]) -> None:
    first, second = given(work, "a", 30), given(work, "b", 20)
    [third] = set(WORKERS) - {first, second}
    assert work.ranked(WORKERS) == [third, second, first]
    assert work.choose("c", WORKERS, 5) == [third, second, first]


def test_an_answer_frees_the_worker(work: OutstandingWork[str]) -> None:
    busy = [given(work, name, 10) for name in "abc"]
    work.finish("b", busy[1])
    assert work.ranked(WORKERS)[0] == busy[1]


def test_workers_with_nothing_to_do_take_turns(work: OutstandingWork[str]) -> None:
    firsts = []
    for number in range(6):
        firsts.append(given(work, f"piece {number}"))
        work.finish(f"piece {number}", firsts[-1])
    assert firsts[:3] == firsts[3:]
    assert set(firsts) == set(WORKERS)


def test_several_accounts_do_not_all_begin_with_one_worker() -> None:
    firsts = set()
    for _ in range(50):
        work: OutstandingWork[str] = OutstandingWork()
        work.keep(WORKERS)
        firsts.add(given(work, "piece"))
    assert firsts == set(WORKERS)


def test_a_piece_that_another_got_is_that_ones_work(work: OutstandingWork[str]) -> None:
    first, second, third = work.choose("piece", WORKERS, 10)
    work.move("piece", second)
    assert work.ranked(WORKERS) == [third, first, second]


def test_a_piece_chosen_again_counts_once(work: OutstandingWork[str]) -> None:
    for _ in range(5):
        work.choose("refused by all", WORKERS, 10)
    work.move("refused by all", "one")
    work.finish("refused by all", "one")
    assert [given(work, name) for name in "abc"].count("one") == 1


def test_the_end_of_a_refused_try_leaves_the_next_try_alone(work: OutstandingWork[str]) -> None:
    given(work, "piece", 10)
    work.move("piece", "two")
    work.finish("piece", "one")
    assert work.has("piece")
    assert work.ranked(WORKERS)[-1] == "two"


def test_a_piece_that_was_given_up_weighs_nothing(work: OutstandingWork[str]) -> None:
    first = work.choose("piece", WORKERS, 1000)[0]
    work.drop("piece")
    work.move("piece", first)
    assert {given(work, name) for name in "abc"} == set(WORKERS)


def test_a_piece_whose_end_was_never_told_is_forgotten_in_the_end(work: OutstandingWork[str], clock: Clock) -> None:
    lost = given(work, "lost", 1000)
    assert given(work, "soon", 1) != lost
    clock.now += FORGOTTEN_AFTER_SECONDS + 1
    assert lost in {given(work, name, 10) for name in "abc"}
    assert not work.has("lost")


def test_what_a_gone_worker_had_is_no_burden_to_the_next_of_its_name(work: OutstandingWork[str]) -> None:
    gone = given(work, "piece", 50)
    work.keep([name for name in WORKERS if name != gone])
    work.finish("piece", gone)
    work.keep(WORKERS)
    assert gone in {given(work, name, 10) for name in "abc"}


def test_nobody_there_is_nobody_chosen(work: OutstandingWork[str]) -> None:
    assert work.choose("piece", (), 10) == []
    assert not work.has("piece")
