"""Two builds in turns: in every round each answers the same crystals, which neither has seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epitaxy_models.structures import Structure
from loadtest import corpus
from loadtest.bench.against.build import Asked, Build
from loadtest.bench.hand import Hand
from loadtest.crew import Timing
from loadtest.spread import Spread, ratios

# Answers of the two builds may differ by this much in a property's unit, or relative to values beyond 1.
TOLERANCE = 1e-6
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the comparison.

    Attributes:
        name: As the tables call it.
        kind: ``CIF`` or ``packed``.
        way: How the client is asked; see ``asker``.
        is_cold: True if the crystals are new.
        wanted: Times the other build's rate; None if nothing was promised.
    """

    name: str
    kind: str
    way: str
    is_cold: bool
    wanted: float | None = None


# In the order of a round: what is warm follows what was cold.
ROWS = (
    Row("CIF, cold", "CIF", "objects", is_cold=True, wanted=1.5),
    Row("CIF, warm", "CIF", "objects", is_cold=False),
    Row("packed, cold", "packed", "objects", is_cold=True, wanted=1.3),
    Row("packed, warm", "packed", "objects", is_cold=False),
    Row("packed, warm, as a table", "packed", "table", is_cold=False, wanted=2.5),
)


@dataclass(frozen=True, slots=True)
class Hunt:
    """The best of a pool that no cache knows: the whole pool answered and sorted against a search of it.

    Attributes:
        by: Property and goal, ``band_gap:max``.
        wanted: Times the rate of answering the whole pool.
    """

    by: str
    wanted: float

    @property
    def row(self) -> Row:
        """As the tables call it."""
        return Row(f"best 1 % by {self.by}", "pool", "best", is_cold=True, wanted=self.wanted)


HUNTS = (Hunt("band_gap:max", 5.0), Hunt("formation_energy:min", 8.0))
# Share of the pool that is wanted, and of these the share that the search must find.
_BEST, RECALL = 0.01, 0.99


@dataclass(slots=True)
class Compared:
    """Figures by row and build, one a round.

    Attributes:
        rates: Structures a second of wall time.
        cpu: Processor milliseconds a structure, of client and stack.
        idle_cores: Cores that the stack which is not asked used meanwhile.
        worst: Largest difference of an answer, in units of what is allowed.
        recalls: By row, the share of the other build's best that this build's search found.
        unequal: Ids whose answers differ by more than ``TOLERANCE``, or that one build alone answered.
    """

    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    cpu: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    idle_cores: list[float] = field(default_factory=list)
    compared: int = 0
    worst: float = 0.0
    unequal: set[str] = field(default_factory=set)
    recalls: dict[str, float] = field(default_factory=dict)
    hits_when_cold: int = 0
    unanswered: int = 0

    def add(self, row: Row, build: str, timing: Timing) -> None:
        """One leg."""
        self.rates.setdefault(row.name, {}).setdefault(build, []).append(timing.rate)
        cost = 1e3 * timing.cpu_seconds / max(timing.count, 1)
        self.cpu.setdefault(row.name, {}).setdefault(build, []).append(cost)

    def ratio(self, row: Row, over: str, under: str) -> Spread:
        """Rates of one build over the other's, taken within a round."""
        return ratios(self.rates[row.name][over], self.rates[row.name][under])

    def check_equal(self, first: Asked, second: Asked) -> None:
        """Notes how far the answers of two builds are from each other."""
        if first.answers is None or second.answers is None:
            return
        self.unequal |= first.answers.keys() ^ second.answers.keys()
        for name in first.answers.keys() & second.answers.keys():
            difference = _difference(np.asarray(first.answers[name]), np.asarray(second.answers[name]))
            self.compared += 1
            self.worst = max(self.worst, difference)
            if not difference <= 1.0:
                self.unequal.add(name)


def compare(new: Build, old: Build, hands: Sequence[Hand], say: Say) -> Compared:
    """All rows of all rounds; the first hand warms both builds up."""
    builds = (old, new)
    _round(builds, hands[0], Compared(), is_reversed=False)
    found = Compared()
    for number, hand in enumerate(hands[1:], start=1):
        # Who goes first changes: the second finds pages and clocks warm.
        _round(builds, hand, found, is_reversed=bool(number % 2))
        say(f"round {number} of {len(hands) - 1}")
    return found


def hunt(new: Build, old: Build, structures: Sequence[Structure], found: Compared, say: Say) -> None:
    """The best hundredth of a pool, by each property in turn."""
    k = max(1, round(_BEST * len(structures)))
    for build in (old, new):
        build.hold("pool", corpus.named_triples(structures))
    for one in HUNTS:
        asked = {build.name: build.ask("best", "pool", len(structures), k=k, by=one.by) for build in (old, new)}
        for name, leg in asked.items():
            found.add(one.row, name, leg.timing)
        wanted, got = (set(asked[build.name].answers or ()) for build in (old, new))
        found.recalls[one.row.name] = len(wanted & got) / len(wanted)
        say(f"{one.row.name}: recall {found.recalls[one.row.name]:.3f}")


def _round(builds: tuple[Build, Build], hand: Hand, found: Compared, *, is_reversed: bool) -> None:
    inputs: dict[str, Any] = {"CIF": list(hand.files), "packed": corpus.named_triples(hand.structures)}
    for build in builds:
        for kind, held in inputs.items():
            build.hold(kind, held)
    for row in ROWS:
        asked = {}
        for build in reversed(builds) if is_reversed else builds:
            idle = next(other for other in builds if other is not build)
            before = idle.stack_cpu_seconds
            asked[build.name] = leg = build.ask(row.way, row.kind, len(inputs[row.kind]))
            found.idle_cores.append((idle.stack_cpu_seconds - before) / leg.timing.seconds)
            found.add(row, build.name, leg.timing)
            found.hits_when_cold += leg.hits if row.is_cold else 0
            found.unanswered += len(inputs[row.kind]) - leg.timing.count
        found.check_equal(*asked.values())


def _difference(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> float:
    """Largest difference over what is allowed; infinite for answers of other shapes."""
    if first.shape != second.shape:
        return float("inf")
    allowed = TOLERANCE * np.maximum(1.0, np.abs(second))
    return float(np.max(np.abs(first - second) / allowed, initial=0.0))
