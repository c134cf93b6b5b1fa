"""The prediction service in one process: the shipped network behind a real batcher, and any store."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from epitaxy.prediction.domain import Accepted, BlockAnswer, Item, Query, TextSource
from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy.prediction.ports import CacheTier, Embedding, EmbeddingStore, ReadingCache, Stage
from epitaxy.prediction.service import PredictionService
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import IntakeLimits, Structure, TextFormat

MAX_SITES = 200
ROCK_SALT = 5.64 * (np.ones((3, 3)) - np.eye(3)) / 2


@dataclass
class CountedMetrics:
    """PredictionMetrics that keep their counts."""

    stages: Counter[Stage] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    lookups: Counter[CacheTier] = field(default_factory=Counter)
    kinds: Counter[tuple[MaterialKind, str]] = field(default_factory=Counter)
    queued: list[int] = field(default_factory=list)

    def observe_stage(self, stage: Stage, seconds: float) -> None:
        assert seconds >= 0
        self.stages[stage] += 1

    def count_outcome(self, outcome: str, reason: str, number: int = 1) -> None:
        self.outcomes[outcome, reason] += number

    def count_cache(self, tier: CacheTier, number: int) -> None:
        self.lookups[tier] += number

    def count_kind(self, kind: MaterialKind, outcome: str, number: int = 1) -> None:
        self.kinds[kind, outcome] += number

    def set_queued_materials(self, waiting: int, capacity: int) -> None:
        self.queued.append(waiting)


class InProcessBackend:
    """An EmbeddingBackend on a batcher of this process; remembers the graphs that it was asked for."""

    def __init__(self, batcher: EdgeBudgetBatcher) -> None:
        self._batcher = batcher
        self.embedded: list[bytes] = []

    async def embed(self, graphs: Sequence[CrystalGraph]) -> list[Embedding | Exception]:
        self.embedded += [graph.key for graph in graphs]
        return list(await self._batcher.submit(graphs, timeout_seconds=60.0))


class Rig:
    """One service with everything that a test looks at."""

    def __init__(
        self,
        artifact: ModelArtifact,
        embedder: Embedder,
        executor: Executor,
        store: EmbeddingStore,
        backend=None,
        readings_bytes: int = 0,
        answers: ReadingCache | None = None,
    ) -> None:
        self.backend = backend or InProcessBackend(EdgeBudgetBatcher(embedder, executor, 40_000, 4_000_000))
        self.metrics = CountedMetrics()
        limits = IntakeLimits(max_sites=MAX_SITES)
        self.service = PredictionService(
            artifact, store, self.backend, self.metrics, limits, readings_bytes=readings_bytes, answers=answers
        )
        self.query = Query(tuple(range(len(artifact.card.properties))))

    async def evaluate(self, structures: Iterable[Structure | TextSource], **query: object) -> BlockAnswer:
        items = [Item(str(index), structure) for index, structure in enumerate(structures)]
        return await self.service.evaluate(items, Query(**({"properties": self.query.properties} | query)))


def hits(block: BlockAnswer) -> list[bool]:
    """Whether the backbone did not run, by item; every item must be answered."""
    assert all(isinstance(answer.outcome, Accepted) for answer in block.answers), block.answers
    return [answer.is_cache_hit for answer in block.answers]


def assert_equal_predictions(first: BlockAnswer, second: BlockAnswer) -> None:
    """Equality to the last bit of everything that was predicted."""
    for name in ("values", "epistemic_std", "aleatoric_std", "lower", "upper"):
        np.testing.assert_array_equal(getattr(first.prediction, name), getattr(second.prediction, name))
    assert first.prediction.domains == second.prediction.domains


def rock_salt(first: int = 11, second: int = 17) -> Structure:
    """The primitive cell of NaCl, or of another pair of atomic numbers."""
    return Structure(ROCK_SALT, np.array([first, second], dtype=np.uint8), np.array([[0.0] * 3, [0.5] * 3]))


def supercell(structure: Structure, times: int) -> Structure:
    """The cell repeated along its first vector."""
    shifts = np.repeat(np.arange(times), structure.n_sites)[:, None] * np.array([1.0, 0.0, 0.0])
    coords = (np.tile(structure.frac_coords, (times, 1)) + shifts) / np.array([times, 1.0, 1.0])
    lattice = structure.lattice * np.array([[times], [1.0], [1.0]])
    return Structure(lattice, np.tile(structure.atomic_numbers, times), coords)


def rotated(structure: Structure, seed: int = 0) -> Structure:
    """The crystal in another orientation, with another origin and its sites in another order."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(structure.n_sites)
    coords = (structure.frac_coords[order] + rng.random(3)) % 1.0
    return Structure(structure.lattice @ rotation, structure.atomic_numbers[order], coords)


def poscar(structure: Structure) -> TextSource:
    """A structure of two sites as the text of a POSCAR file."""
    from epitaxy_models.structures.elements import symbol_of

    rows = [" ".join(map(repr, row)) for row in structure.lattice.tolist()]
    sites = [" ".join(map(repr, row)) for row in structure.frac_coords.tolist()]
    names = " ".join(symbol_of(number) for number in structure.atomic_numbers.tolist())
    lines = ["made here", "1.0", *rows, names, " ".join(["1"] * structure.n_sites), "Direct", *sites]
    return TextSource(TextFormat.POSCAR, "\n".join(lines) + "\n")


def graph_of(n_edges: int, mark: int = 0) -> CrystalGraph:
    """A graph of one node and so many edges; ``mark`` (its multiplicity) tells it from others."""
    return CrystalGraph(
        atomic_numbers=np.array([14], dtype=np.uint8),
        multiplicities=np.array([mark], dtype=np.int32),
        rows=np.array([0, n_edges], dtype=np.int32),
        sources=np.zeros(n_edges, dtype=np.int32),
        distances=np.full(n_edges, 2.35, dtype=np.float32),
        weights=np.ones(n_edges, dtype=np.float32),
        key=f"{n_edges}/{mark}".encode(),
    )
