"""A blocking face for the client for asyncio, so that one test runs over both clients.

Calls run in an event loop of another thread; what the client returns is driven in the same way.
"""

import asyncio
import inspect
import threading
from typing import Any

from epitaxy.client import AsyncClient


class LoopThread:
    """An event loop beside the test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop-of-a-test")
        self._thread.start()

    def run(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Calls a function inside the loop, and awaits what it returns if that can be awaited."""

        async def call() -> Any:
            made = function(*arguments, **options)
            return await made if inspect.isawaitable(made) else made

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def stop(self) -> None:
        self.run(self._loop.shutdown_asyncgens)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Driven:
    """An object of the client for asyncio; its coroutines block, its iterators are plain ones."""

    def __init__(self, subject: Any, loop: LoopThread) -> None:
        self._subject, self._loop = subject, loop

    @classmethod
    def connect(cls, loop: LoopThread, *arguments: Any, **options: Any) -> "Driven":
        return cls(loop.run(AsyncClient, *arguments, **options), loop)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._subject, "aclose" if name == "close" and hasattr(self._subject, "aclose") else name)
        if inspect.ismethod(found):
            return lambda *arguments, **options: self._wrap(self._loop.run(found, *arguments, **options))
        return self._wrap(found)

    def __repr__(self) -> str:
        return repr(self._subject).removeprefix("Async")

    def __enter__(self) -> "Driven":
        self._loop.run(self._subject.__aenter__)
        return self

    def __exit__(self, *error: Any) -> None:
        self._loop.run(self._subject.__aexit__, *error)

    def __iter__(self) -> "Driven":
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run(self._subject.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def _wrap(self, value: Any) -> Any:
        is_ours = type(value).__module__.startswith("epitaxy.client") and type(value).__name__.startswith("Async")
        return Driven(value, self._loop) if is_ours or hasattr(value, "__anext__") else value
