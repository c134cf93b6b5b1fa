"""Connections that die without a word, as NAT gateways and load balancers end them: over real sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import grpc
import pytest

from epitaxy.client import AsyncClient, Client

SILENCE_SECONDS = 8.0
# A ping after 10 s without a byte, which is given up after 5 s: 7 s after a call that follows 8 s of silence.
FOUND_WITHIN_SECONDS = 9.0
# Three strikes are out: the fourth ping comes after this time.
IDLE_SECONDS = 22.0


class Forwarder:
    """Passes bytes on until a connection was silent for some time; then it swallows them, and closes nothing."""

    def __init__(self, target: str, silent_after_seconds: float = float("inf")) -> None:
        host, port = target.rsplit(":", 1)
        self._far = (host, int(port))
        self._limit = silent_after_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.n_connections = 0
        self._start(self._accept)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Wakes every thread, then closes what they used."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection(self._far)
                self._sockets.append(far)
            except OSError:
                return
            self.n_connections += 1
            state = {"last": time.monotonic(), "dead": False}
            for pair in ((near, far), (far, near)):
                self._start(self._pump, *pair, state)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, state: dict[str, Any]) -> None:
        try:
            while data := source.recv(65536):
                state["dead"] = state["dead"] or time.monotonic() - state["last"] > self._limit
                if not state["dead"]:
                    state["last"] = time.monotonic()
                    sink.sendall(data)
        except OSError:
            return


@pytest.fixture
def forward(request: pytest.FixtureRequest) -> Callable[..., Forwarder]:
    def start(*args: Any) -> Forwarder:
        made = Forwarder(*args)
        request.addfinalizer(made.close)
        return made

    return start


def list_models(client: Client) -> int:
    return len(client.list_models())


def screen(client: Client) -> int:
    return len([result for result in client.screen([("a", ROCK_SALT)]) if result.error is None])


ROCK_SALT = ([[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]], ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])


def seconds_of_a_call_after_silence(target: str, call: Callable[[Client], int]) -> float:
    with Client(target, timeout=15, patience=15) as client:
        assert call(client) == 1
        time.sleep(SILENCE_SECONDS)
        began = time.monotonic()
        assert call(client) == 1
        return time.monotonic() - began


async def seconds_of_a_screen_after_silence(target: str) -> float:
    async with AsyncClient(target, timeout=15, patience=15) as client:
        assert len([result async for result in client.screen([ROCK_SALT])]) == 1
        await asyncio.sleep(SILENCE_SECONDS)
        began = time.monotonic()
        assert len([result async for result in client.screen([ROCK_SALT])]) == 1
        return time.monotonic() - began


async def idle(target: str) -> None:
    """As idle as a client can be that pings as often as a gateway permits."""
    options = [
        ("grpc.keepalive_time_ms", 5_100),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        await channel.channel_ready()
        await asyncio.sleep(IDLE_SECONDS)
        assert channel.get_state() is grpc.ChannelConnectivity.READY


async def test_a_dead_connection_is_replaced_and_an_idle_one_is_kept(
    start_edge: Any, forward: Callable[..., Forwarder]
) -> None:
    edge = await start_edge()
    dying = [forward(edge.gateway.address, 5.0) for _ in range(3)]
    sound = forward(edge.gateway.address)
    *seconds, _ = await asyncio.gather(
        asyncio.to_thread(partial(seconds_of_a_call_after_silence, dying[0].target, list_models)),
        asyncio.to_thread(partial(seconds_of_a_call_after_silence, dying[1].target, screen)),
        seconds_of_a_screen_after_silence(dying[2].target),
        idle(sound.target),
    )
    assert max(seconds) < FOUND_WITHIN_SECONDS, seconds
    assert [one.n_connections for one in dying] == [2, 2, 2]
    assert sound.n_connections == 1
