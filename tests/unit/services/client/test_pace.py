from epitaxy.client.screening.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(pace: Pace, clock: Clock, structures_per_second: float, n_messages: int = 20) -> int:
    """The size of a message after so many came back at this rate."""
    for _ in range(n_messages):
        clock.now += pace.chunk_size / structures_per_second
        pace.note(pace.chunk_size, 0)
    return pace.chunk_size


def test_messages_grow_while_answers_come_fast_and_shrink_when_they_do_not() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    assert answer(pace, clock, 1_800) == 128
    assert 380 <= answer(pace, clock, 8_000) <= 420
    assert answer(pace, clock, 30_000) == 512
    assert answer(pace, clock, 1_000) == 128
    assert answer(pace, clock, float("inf")) == 512


def test_an_answer_from_the_cache_is_enough_and_one_from_the_network_ends_it() -> None:
    pace = Pace(clock=Clock())
    assert (pace.chunk_size, pace.window) == (128, 4)
    pace.note(128, 120)
    assert (pace.chunk_size, pace.window) == (512, 16)
    pace.note(512, 400)
    assert pace.chunk_size == 128


def test_a_size_that_the_caller_asks_for_stays() -> None:
    clock = Clock()
    pace = Pace(16, clock)
    pace.note(16, 16)
    assert (answer(pace, clock, 30_000), pace.window) == (16, 16)
