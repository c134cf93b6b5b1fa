"""Kinds of work: each asks for something again and again, and knows what the answer has to be."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from epitaxy.client import AsyncClient, composition, molecule
from epitaxy.client.errors import EpitaxyClientError
from epitaxy.client.results import ScreenResult
from epitaxy_models.data.crystals import bundled_structures
from epitaxy_models.testing.equivalent_cells import scaled
from loadtest import corpus
from loadtest.trials.accounts import Account, Answer, is_passing

PATIENCE_SECONDS = 330.0
_ASK_AGAIN_SECONDS = 0.5
# Structures a message, each in an order of its own.
_LEARNED_SIZES = (256, 128, 64, 31)
# A copy differs by so much from its crystal: two that differ by 1e-5 or less are one crystal to caches.
_STRAIN = 0.003
_ENDINGS = ("", "O", "N", "C(=O)O", "C(=O)N", "S", "Cl", "c1ccccc1", "C#N", "OC")
_METALS = ("Li", "Na", "K", "Mg", "Ca", "Al", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Zr")
_OTHERS = ("O", "S", "N", "F", "Cl")
Named = tuple[str, Any]
Result = TypeVar("Result")


class Work(Protocol):
    """Work of one kind, of any number of tenants.

    Attributes:
        kind: Its name in reports.
        pause_seconds: Between the end of one piece and the beginning of the tenant's next.
    """

    kind: str
    pause_seconds: float

    async def learn(self, client: AsyncClient) -> None:
        """Notes what is answered while nothing disturbs."""

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        """One piece of work, held against what was learned. ``number`` counts the tenant's pieces from 0."""

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None:
        """What has to hold once all pieces of the tenant are done."""


async def patiently(account: Account, name: str, call: Callable[[], Awaitable[Result]]) -> Result | None:
    """The answer to a call that is made again while its error may pass; None, and counted as lost, if it does not."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await call()
        except EpitaxyClientError as error:
            if not is_passing(error) or time.monotonic() > limit:
                account.fail(name, error)
                return None
            account.repeats[error.reason] += 1
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


def crystals(count: int) -> list[Named]:
    """Bundled crystals, and strained copies of them where they run out, no two of which are one to a cache."""
    bundled = corpus.crystals(None, count)[: len(bundled_structures())]
    laps = range(1 + count // len(bundled))
    copies = [scaled(structure, 1 + _STRAIN * lap) for lap in laps for structure in bundled]
    return corpus.named_triples(copies[:count])


def molecules(count: int) -> list[Named]:
    """Chains with an end group, no two the same."""
    texts = [f"{'C' * length}{end}" for length in range(1, 1 + count) for end in _ENDINGS]
    return [(text, molecule(text)) for text in dict.fromkeys(texts[:count])]


def compositions(count: int) -> list[Named]:
    """Binary and ternary formulas, no two the same; at most some thousand."""
    texts = [
        f"{first}{n}{second}{m}{other}{n + m}"
        for n in (1, 2, 3)
        for m in (1, 2)
        for other in _OTHERS
        for first in _METALS
        for second in _METALS
        if first < second
    ]
    return [(text, composition(text)) for text in texts[:: max(1, len(texts) // count)][:count]]


def answer_of(result: ScreenResult) -> Answer:
    """What must not depend on who died meanwhile: everything but whether a cache answered."""
    if result.error is not None:
        return {"error": result.error.reason}
    answer: dict[str, float | str] = {
        "formula": result.formula,
        "model_digest": result.model_digest,
        "domain_verdict": result.domain_verdict,
        "domain_score": float("nan") if result.domain_score is None else result.domain_score,
    }
    for prediction in result.predictions:
        for name in ("value", "std", "lower", "upper"):
            answer[f"{prediction.property}.{name}"] = getattr(prediction, name)
    return answer


class Screening:
    """Screens of one kind of material, as many at a time as a message holds several times."""

    def __init__(self, kind: str, pool: Sequence[Named], size: int, pause_seconds: float, seed: int = 0) -> None:
        self.kind, self.pause_seconds = kind, pause_seconds
        self._pool, self._size = pool, size
        self._random = np.random.default_rng(seed)
        self._expected: list[list[Answer]] = []

    @property
    def size(self) -> int:
        """Materials of the pool."""
        return len(self._pool)

    async def learn(self, client: AsyncClient) -> None:
        """Several times: an answer that is computed in another batch is another one by the rounding of its sums.

        By itself first and then all at once, since the network takes graphs of several screens together.
        """
        self._expected = [[] for _ in self._pool]
        await self._learn_once(client, _LEARNED_SIZES[0])
        await asyncio.gather(*(self._learn_once(client, size) for size in _LEARNED_SIZES))

    async def _learn_once(self, client: AsyncClient, size: int) -> None:
        order = self._random.permutation(len(self._pool)).tolist()
        asked = [self._pool[row] for row in order]
        async for result in client.screen(asked, bypass_cache=True, chunk_size=size):
            self._expected[order[result.index]].append(answer_of(result))

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        rows = self._random.integers(len(self._pool), size=self._size).tolist()
        await self.screened(client, rows, account, bypass_cache=bool(self._random.random() < 0.3))

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None:
        """All of the pool once more, at rest."""
        await self.screened(client, range(len(self._pool)), account)

    async def screened(
        self,
        client: AsyncClient,
        rows: Sequence[int],
        account: Account,
        on_answer: Callable[[int], None] = lambda _: None,
        **options: Any,
    ) -> None:
        """One screen of these rows of the pool; ``on_answer`` hears how many answers are there."""
        found: list[tuple[int, Answer]] = []
        try:
            async for result in client.screen([self._pool[row] for row in rows], **options):
                if result.error is not None and result.error.retryable:
                    account.note(f"{result.id}: {result.error.reason}: {result.error.message}")
                else:
                    found.append((result.index, answer_of(result)))
                on_answer(len(found))
        except EpitaxyClientError as error:
            account.note(f"a screen ended with {error.reason}: {error}")
        account.compare_all([self._pool[row][0] for row in rows], [self._expected[row] for row in rows], found)


class SinglePredictions:
    """Predictions of one crystal at a time."""

    kind = "single predictions"
    pause_seconds = 0.2

    def __init__(self, pool: Sequence[Named], seed: int = 1) -> None:
        self._pool = pool
        self._random = np.random.default_rng(seed)
        self._expected: list[list[Answer]] = []

    async def learn(self, client: AsyncClient) -> None:
        """All at once, and each by itself."""
        together = await client.predict(self._pool, bypass_cache=True)
        alone = [(await client.predict([one], bypass_cache=True))[0] for one in self._pool]
        self._expected = [[answer_of(one) for one in both] for both in zip(together, alone, strict=True)]

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        row = int(self._random.integers(len(self._pool)))
        name = self._pool[row][0]
        results = await patiently(account, name, lambda: client.predict([self._pool[row]]))
        if results is None:
            account.asked += 1
        else:
            found = [(position, answer_of(result)) for position, result in enumerate(results)]
            account.compare_all([name], [self._expected[row]], found)

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None: ...


class Explaining:
    """Explanations of a crystal, a molecule and a composition."""

    kind = "explanations"
    pause_seconds = 8.0

    def __init__(self) -> None:
        self._asked = [crystals(4)[3], *molecules(2)[1:], *compositions(1)]
        self._expected: list[Answer] = []

    async def learn(self, client: AsyncClient) -> None:
        self._expected = await self._explained(client)

    async def once(self, client: AsyncClient, tenant: str, number: int, account: Account) -> None:
        names = [name for name, _ in self._asked]
        found = await patiently(account, names[0], lambda: self._explained(client))
        if found is None:
            account.asked += len(names)
            account.lost += len(names) - 1
        else:
            account.compare_all(names, [[answer] for answer in self._expected], enumerate(found))

    async def settle(self, client: AsyncClient, tenant: str, account: Account) -> None: ...

    async def _explained(self, client: AsyncClient) -> list[Answer]:
        answers: list[Answer] = []
        for explanation in await client.explain(self._asked):
            answer: dict[str, float | str] = {"value": explanation.value, "baseline": explanation.baseline}
            if explanation.error is not None:
                answer["error"] = explanation.error.reason
            parts = explanation.sites or explanation.atoms or explanation.elements
            answer |= {f"{place} {part.element}": part.value for place, part in enumerate(parts)}
            answers.append(answer)
        return answers
