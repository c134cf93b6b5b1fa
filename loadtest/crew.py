"""Worker processes that are loaded once and timed many times: their start and what they read beforehand are not."""

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Protocol


class Engine(Protocol):
    """Work of one process."""

    def prepare(self, name: str, share: Sequence[Any]) -> None:
        """Takes structures into memory; not timed."""

    def run(self, name: str) -> int:
        """Answers all that was prepared under this name; how many there were."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One timed run of a crew.

    Attributes:
        seconds: Wall time until the last process was done.
        cpu_seconds: Processor time of all of them.
    """

    count: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Structures a second."""
        return self.count / self.seconds


class Crew:
    """So many processes, each with an engine of its own, that share every piece of work evenly."""

    def __init__(self, make: Callable[..., Engine], count: int, threads: int = 1, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")  # torch and Ray have threads
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, make, threads, options), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def prepare(self, name: str, items: Sequence[Any]) -> None:
        """Deals items out in turn: sorted by size they make even shares."""
        count = len(self._pipes)
        self._all([("prepare", name, list(items[worker::count])) for worker in range(count)])

    def run(self, name: str) -> Timing:
        """All processes at once."""
        began = time.perf_counter()
        results = self._all([("run", name)] * len(self._pipes))
        seconds = time.perf_counter() - began
        return Timing(sum(count for count, _ in results), seconds, sum(spent for _, spent in results))

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()

    def _all(self, messages: Sequence[tuple[Any, ...]]) -> list[Any]:
        for pipe, message in zip(self._pipes, messages, strict=True):
            pipe.send(message)
        answers = [pipe.recv() for pipe in self._pipes]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def _serve(pipe: Connection, make: Callable[..., Engine], threads: int, options: Mapping[str, Any]) -> None:
    import torch  # noqa: PLC0415 - in the worker only

    torch.set_num_threads(threads)
    engine = make(**options)
    while True:
        try:
            order, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(_obeyed(engine, order, arguments))
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _obeyed(engine: Engine, order: str, arguments: Sequence[Any]) -> Any:
    if order == "prepare":
        return engine.prepare(*arguments)
    began = time.process_time()
    return engine.run(*arguments), time.process_time() - began
