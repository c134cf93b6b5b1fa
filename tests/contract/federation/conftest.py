"""Every transport that the contract holds for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from epitaxy.consortium.transports.in_process import InProcessFederation

Handlers = Mapping[str, Callable[[bytes], bytes]]
Connect = Callable[[Handlers], Any]


@pytest.fixture(params=["in_process"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    made: list[Any] = []

    def make(handlers: Handlers) -> Any:
        made.append(InProcessFederation(handlers))
        return made[-1]

    yield make
    for federation in made:
        federation.close()
