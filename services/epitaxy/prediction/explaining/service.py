"""The use case of explaining: structures are read here, explained elsewhere, a few calls of a tenant at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from epitaxy.chassis.errors import OverloadedError
from epitaxy.prediction.domain import Accepted, Item, ReadMaterial, Refusal
from epitaxy.prediction.service import PredictionService
from epitaxy_models.explanation.explanation import Explanation
from epitaxy_models.structures import Structure

_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ExplanationQuery:
    """What to explain.

    Attributes:
        name: Name of the property.
        n_nearest: Number of known materials to name beside each structure.
        substrate: Weights digest of an earlier version of the shared model; empty: the present one.
    """

    name: str
    n_nearest: int
    substrate: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """One structure as it was read, with its explanation or its refusal."""

    id: str
    outcome: Explanation | Refusal
    structure: Structure | None = None


class ExplanationBackend(Protocol):
    """Explains structures, somewhere."""

    async def explain(self, structures: Sequence[Structure], query: ExplanationQuery) -> list[Explanation | Refusal]:
        """One answer per structure. Raises OverloadedError if too many wait, UnavailableError if none answers."""


class ExplanationService:
    """Answers blocks of structures with explanations by the shared model. The event loop owns it."""

    def __init__(self, shared: PredictionService, backend: ExplanationBackend, calls_each: int) -> None:
        self._shared, self._backend, self._calls_each = shared, backend, calls_each
        self._calls: Counter[str] = Counter()

    async def explain(
        self, items: Sequence[Item], query: ExplanationQuery, tenant: str, reader: PredictionService | None = None
    ) -> list[Explained]:
        """One outcome an item, in order; ``reader`` takes structures in for an earlier version of the shared model.

        Raises OverloadedError if the tenant has too many open calls already: an explanation costs about a
        hundred predictions, and explainers are few.
        """
        with self.one_call_of(tenant):
            answers = await (reader or self._shared).validate(items)
            read = [answer.outcome for answer in answers]
            structures = [outcome.structure for outcome in read if isinstance(outcome, Accepted)]
            explained = iter(await self._backend.explain(structures, query) if structures else ())
            return [
                Explained(answer.id, next(explained), answer.outcome.structure)
                if isinstance(answer.outcome, Accepted)
                else Explained(answer.id, _refusal(answer.outcome))
                for answer in answers
            ]

    @contextmanager
    def one_call_of(self, tenant: str) -> Iterator[None]:
        """Counts an open call. Raises OverloadedError if the tenant has too many already."""
        if self._calls[tenant] >= self._calls_each:
            raise OverloadedError(
                f"{self._calls_each} calls of yours for explanations are under way: wait for one of them",
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._calls[tenant] += 1
        try:
            yield
        finally:
            self._calls[tenant] -= 1
            if not self._calls[tenant]:
                del self._calls[tenant]


def _refusal(outcome: ReadMaterial | Refusal) -> Refusal:
    """The refusal of an item; the model of crystals takes in nothing else."""
    if isinstance(outcome, ReadMaterial):
        raise TypeError("a model of crystals took in another material")
    return outcome
