"""One build under measurement: its stack, and a process with its client."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.against.checkout import environment_of
from loadtest.crew import Timing
from loadtest.local_stack import LocalStack, local_stack
from loadtest.processes import cpu_seconds

_ASKER = Path(__file__).with_name("asker.py")


@dataclass(frozen=True, slots=True)
class Asked:
    """One timed leg.

    Attributes:
        timing: Wall time of the client; processor time of the client and of all processes of the stack.
        hits: Answers that came from the cache.
        answers: Value, interval and deviation of each property by id; None if the way states none.
    """

    timing: Timing
    hits: int
    answers: Mapping[str, Any] | None


class Build:
    """A running stack of one build as its own client sees it."""

    def __init__(self, name: str, stack: LocalStack, asker: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self._stack, self._asker = stack, asker
        self.imported_from: str = self._receive()

    @property
    def stack_cpu_seconds(self) -> float:
        """Processor time that all processes of the stack have spent so far."""
        return cpu_seconds(self._stack.pid).total()

    def hold(self, name: str, inputs: Any) -> None:
        """Puts inputs into the client's process; not timed."""
        self._send("hold", name, inputs)

    def ask(self, way: str, name: str, count: int, **options: Any) -> Asked:
        """Times one leg over inputs that are held under a name."""
        spent = self.stack_cpu_seconds
        found = self._send("ask", way, name, options)
        used = self.stack_cpu_seconds - spent + found["cpu_seconds"]
        answers = found["answers"]
        # The best of a pool stand for all of it.
        answered = count if answers is None or way == "best" else len(answers)
        return Asked(Timing(answered, found["seconds"], used), found["hits"], answers)

    def _send(self, *order: Any) -> Any:
        assert self._asker.stdin is not None
        pickle.dump(order, self._asker.stdin)
        self._asker.stdin.flush()
        reply = self._receive()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _receive(self) -> Any:
        assert self._asker.stdout is not None
        return pickle.load(self._asker.stdout)


@contextmanager
def running(name: str, tree: Path, settings: Mapping[str, str] | None = None) -> Iterator[Build]:
    """Stack and client of a tree. Raises RuntimeError if they import the code of another."""
    environment = {**environment_of(tree), **(settings or {})}
    with local_stack(settings=environment, folder=tree) as stack:
        command = [sys.executable, "-P", str(_ASKER), stack.target]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env={**os.environ, **environment}, cwd=tree, **pipes) as asker:  # type: ignore[call-overload]  # pipes by name
            try:
                build = Build(name, stack, asker)
                if not Path(build.imported_from).resolve().is_relative_to(tree.resolve()):
                    raise RuntimeError(f"the client of {name} is that of {build.imported_from}")
                yield build
            finally:
                asker.stdin.close()
                asker.wait(20)
