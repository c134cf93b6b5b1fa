"""Unanswered work by worker: which worker should get the next piece."""

import random
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

WorkerT = TypeVar("WorkerT", bound=Hashable)
# Longer than any attempt of the gateway: a piece whose end was never reported must not count for ever.
FORGOTTEN_AFTER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Piece(Generic[WorkerT]):
    worker: WorkerT
    weight: int
    since: float


class OutstandingWork(Generic[WorkerT]):
    """Weights of what was given to each worker and has not ended; used by one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._weights: dict[WorkerT, int] = {}
        self._turns: dict[WorkerT, float] = {}
        self._pieces: dict[str, _Piece[WorkerT]] = {}
        self._n_chosen = 0

    def keep(self, workers: Iterable[WorkerT]) -> None:
        """Keeps these workers and forgets all others with their work."""
        self._weights = {worker: self._weights.get(worker, 0) for worker in workers}
        # Random and below 1, the first turn: several routers must not all begin with the same worker.
        self._turns = {worker: self._turns.get(worker, random.random()) for worker in self._weights}
        self._pieces = {name: piece for name, piece in self._pieces.items() if piece.worker in self._weights}

    def ranked(self, workers: Iterable[WorkerT]) -> list[WorkerT]:
        """The one with the least work first; of equal ones, the one that was chosen longest ago."""
        return sorted(workers, key=lambda worker: (self._weights.get(worker, 0), self._turns.get(worker, 0.0)))

    def has(self, piece: str) -> bool:
        """Whether the piece is on a worker's account."""
        return piece in self._pieces

    def choose(self, piece: str, workers: Iterable[WorkerT], weight: int) -> list[WorkerT]:
        """Workers in the order in which to try them; the first has the piece on its account until its end."""
        self._forget_old()
        self._take_off(piece)
        ranked = self.ranked(workers)
        if ranked:
            self._n_chosen += 1
            self._turns[ranked[0]] = self._n_chosen
            self._put_on(piece, ranked[0], weight)
        return ranked

    def move(self, piece: str, worker: WorkerT) -> None:
        """Moves the piece to the worker that got it, perhaps not the first one."""
        known = self._take_off(piece)
        if known is not None:
            self._put_on(piece, worker, known.weight)

    def drop(self, piece: str) -> None:
        """Drops a piece that no worker will get."""
        self._take_off(piece)

    def finish(self, piece: str, worker: WorkerT) -> None:
        """Takes the piece off the worker that answered, refused or lost it, unless another has it by now."""
        known = self._pieces.get(piece)
        if known is not None and known.worker == worker:
            self._take_off(piece)

    def _put_on(self, piece: str, worker: WorkerT, weight: int) -> None:
        self._weights[worker] = self._weights.get(worker, 0) + weight
        self._pieces[piece] = _Piece(worker, weight, self._clock())

    def _take_off(self, piece: str) -> _Piece[WorkerT] | None:
        known = self._pieces.pop(piece, None)
        if known is not None and known.worker in self._weights:
            self._weights[known.worker] -= known.weight
        return known

    def _forget_old(self) -> None:
        limit = self._clock() - FORGOTTEN_AFTER_SECONDS
        # In the order in which they were put on: the first that is young enough ends the search.
        while self._pieces and next(iter(self._pieces.values())).since < limit:
            self._take_off(next(iter(self._pieces)))
