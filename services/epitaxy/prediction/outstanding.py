"""Unanswered work by worker: who should get the next piece."""

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

WorkerT = TypeVar("WorkerT", bound=Hashable)
# A piece chosen for a worker counts as its work for so long without being accepted: it was rejected, or is lost.
ACCEPTANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Choice(Generic[WorkerT]):
    worker: WorkerT
    weight: int
    since: float


class OutstandingWork(Generic[WorkerT]):
    """Weights of what was given to each worker and is unanswered; used by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._weights: dict[WorkerT, int] = {}
        self._turns: dict[WorkerT, int] = {}
        self._choices: dict[str, _Choice[WorkerT]] = {}
        self._n_chosen = 0

    def keep(self, workers: Iterable[WorkerT]) -> None:
        """These are the workers now; what others had is forgotten."""
        self._weights = {worker: self._weights.get(worker, 0) for worker in workers}
        self._turns = {worker: turn for worker, turn in self._turns.items() if worker in self._weights}

    def ranked(self, workers: Iterable[WorkerT]) -> list[WorkerT]:
        """The one with the least work first; of equal ones, the one that was chosen longest ago."""
        return sorted(workers, key=lambda worker: (self._weights.get(worker, 0), self._turns.get(worker, 0)))

    def choose(self, piece: str, workers: Iterable[WorkerT], weight: int) -> list[WorkerT]:
        """Workers in the order in which to try them; the first has the piece on its account until it is settled."""
        self._expire()
        self._withdraw(piece)
        ranked = self.ranked(workers)
        if ranked:
            self._n_chosen += 1
            self._turns[ranked[0]] = self._n_chosen
            self._add(ranked[0], weight)
            self._choices[piece] = _Choice(ranked[0], weight, self._clock())
        return ranked

    def accept(self, piece: str, worker: WorkerT, weight: int) -> None:
        """The worker, perhaps another than the first, has taken the piece; ``finish`` ends that."""
        self._withdraw(piece)
        self._add(worker, weight)

    def finish(self, worker: WorkerT, weight: int) -> None:
        """The worker has answered a piece of this weight."""
        if worker in self._weights:
            self._weights[worker] = max(0, self._weights[worker] - weight)

    def _add(self, worker: WorkerT, weight: int) -> None:
        self._weights[worker] = self._weights.get(worker, 0) + weight

    def _withdraw(self, piece: str) -> None:
        if (choice := self._choices.pop(piece, None)) is not None:
            self.finish(choice.worker, choice.weight)

    def _expire(self) -> None:
        limit = self._clock() - ACCEPTANCE_SECONDS
        for piece in [piece for piece, choice in self._choices.items() if choice.since < limit]:
            self._withdraw(piece)
