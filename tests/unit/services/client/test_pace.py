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
        pace.note(pace.chunk_size)
    return pace.chunk_size


def test_messages_grow_while_answers_come_fast_and_shrink_when_they_do_not() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    assert answer(pace, clock, 1_800) == 128
    assert 380 <= answer(pace, clock, 8_000) <= 420
    assert answer(pace, clock, 30_000) == 512
    assert answer(pace, clock, 1_000) == 128
    clock.now += 0.0
    assert answer(pace, clock, float("inf")) == 512


def test_a_size_that_the_caller_asks_for_stays() -> None:
    clock = Clock()
    pace = Pace(16, clock)
    assert answer(pace, clock, 30_000) == 16
