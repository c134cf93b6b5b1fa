from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EPITAXY_TARGET", "EPITAXY_API_KEY", "EPITAXY_TLS_CA", "EPITAXY_TLS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def rock_salt() -> tuple[list[list[float]], list[str], list[list[float]]]:
    return [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]], ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]


@pytest.fixture(params=["blocking", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes a client: the blocking one, then the one for asyncio behind a blocking face."""
    import driven  # not before a test asks for it

    from epitaxy.client import Client

    if request.param == "blocking":
        yield Client
        return
    loop = driven.LoopThread()
    try:
        yield partial(driven.Driven.connect, loop)
    finally:
        loop.stop()
