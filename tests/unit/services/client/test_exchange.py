"""What a screening sends again, and when."""

from typing import Any

import numpy as np
import pytest

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.inputs.source import open_inputs
from epitaxy.client.screening import exchange as exchange_module
from epitaxy.client.screening.exchange import Exchange

CRYSTAL = (np.eye(3) * 3, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(exchange_module, "time", clock)
    return clock


def ids_of(request: Any) -> list[str]:
    assert request is not None
    return list(request.structures[0].packed.ids)


def fail(exchange: Exchange, request: Any) -> None:
    """The server answers that every structure of a message was lost with a replica."""
    error = structure_pb2.ItemError(reason="REPLICA_LOST", message="try again", retryable=True)
    results = [prediction_pb2.StructureResult(id=name, error=error) for name in ids_of(request)]
    assert exchange.receive(prediction_pb2.ResultBlock(sequence=request.sequence, results=results)) == []


def test_structures_are_sent_again_when_they_are_due_whichever_failed_first(clock: Clock) -> None:
    exchange = Exchange(
        open_inputs([("slow", CRYSTAL), ("quick", CRYSTAL)]).items, prediction_pb2.PredictionOptions(), 1
    )
    slow, quick = exchange.next_request(), exchange.next_request()
    fail(exchange, slow)
    clock.now += 0.5
    fail(exchange, exchange.next_request())  # the second failure of `slow`: it is due in 1 s
    fail(exchange, quick)  # the first one of `quick`: it is due in 0.5 s
    assert exchange.seconds_to_retry == pytest.approx(0.5)
    clock.now += 0.5
    assert ids_of(exchange.next_request()) == ["quick"]
    assert exchange.seconds_to_retry == pytest.approx(0.5)
    assert exchange.next_request() is None
    clock.now += 0.5
    assert ids_of(exchange.next_request()) == ["slow"]


def test_structures_that_are_due_together_share_a_message(clock: Clock) -> None:
    inputs = [(f"c{index}", CRYSTAL) for index in range(6)]
    exchange = Exchange(open_inputs(inputs).items, prediction_pb2.PredictionOptions(), 4)
    for request in (exchange.next_request(), exchange.next_request()):
        fail(exchange, request)
    clock.now += 0.5
    assert sorted(ids_of(exchange.next_request()) + ids_of(exchange.next_request())) == [name for name, _ in inputs]
