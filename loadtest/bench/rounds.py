"""The interleaved run: in every round each way answers crystals that it has not seen, one way after the other."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

from epitaxy.chassis.cores import usable_cores
from epitaxy.client import Client
from epitaxy_models.structures import Structure
from loadtest import corpus
from loadtest.bench.hand import Hand
from loadtest.crew import Crew, Engine, Timing
from loadtest.in_process import InProcess
from loadtest.local_stack import LocalStack
from loadtest.peers.chgnet import Chgnet
from loadtest.peers.megnet import Megnet
from loadtest.peers.pyg_cgcnn import PygCgcnn
from loadtest.processes import cpu_seconds

_N_FOR_SCALE = 24
# One model each, of other sizes than ours: name, package, engine, whether one process takes all cores by threads.
_FOR_SCALE = {"chgnet": ("CHGNet", Chgnet, True), "matgl": ("MEGNet (matgl)", Megnet, False)}
PEERS = ("pyg", *_FOR_SCALE)
_N_CALLS = 300
Say = Callable[[str], None]


@dataclass(slots=True)
class Measured:
    """Figures by name of the way, one a round.

    Attributes:
        rates: Structures a second of wall time.
        cpu: Processor milliseconds a structure, of all processes that work for the way.
        refused: Structures without an answer, and cache hits in cold runs: both should be 0.
    """

    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    unanswered: int = 0
    hits_when_cold: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, timing: Timing) -> None:
        self.rates.setdefault(name, []).append(timing.rate)
        self.cpu.setdefault(name, []).append(1e3 * timing.cpu_seconds / timing.count)


class Served:
    """The running stack as a client sees it."""

    def __init__(self, stack: LocalStack, measured: Measured) -> None:
        self._stack, self._measured = stack, measured
        self.client = Client(stack.target)

    def screen(self, name: str, inputs: Any, count: int, *, is_cold: bool) -> None:
        """Times one screening by the client of this process, whose own time counts too."""
        spent, own = cpu_seconds(self._stack.pid).total(), time.process_time()
        began, answered, hits = time.perf_counter(), 0, 0
        with self.client.screen(inputs) as run:
            for result in run:
                answered += result.error is None
                hits += result.cache_hit
        seconds = time.perf_counter() - began
        used = cpu_seconds(self._stack.pid).total() - spent + time.process_time() - own
        self._measured.unanswered += count - answered
        self._measured.hits_when_cold += hits if is_cold else 0
        self._measured.add(name, Timing(answered, seconds, used))

    def latencies(self, structure: Structure) -> list[float]:
        """Milliseconds of single warm calls, one after the other."""
        times = []
        for call in range(_N_CALLS + 20):
            began = time.perf_counter()
            self.client.predict([corpus.triple(structure)])
            if call >= 20:
                times.append(1e3 * (time.perf_counter() - began))
        return times


def measure(stack: LocalStack, hands: Sequence[Hand], say: Say, peers: Sequence[str]) -> Measured:
    measured = Measured()
    with ExitStack() as opened:
        served = Served(stack, measured)
        opened.callback(served.client.close)
        crews = {
            "in process, 1 worker": opened.enter_context(Crew(InProcess, 1)),
            "in process, workers by cores": opened.enter_context(Crew(InProcess, usable_cores())),
        }
        pyg = opened.enter_context(_best_pyg(hands[0], say, measured)) if "pyg" in peers else None
        others = {
            name: crew
            for package, (name, engine, is_threaded) in _FOR_SCALE.items()
            if package in peers and (crew := _for_scale(opened, measured, package, engine, is_threaded)) is not None
        }
        _warm_up(served, [*crews.values(), *([pyg] if pyg else [])], hands[0])
        for number, hand in enumerate(hands[1:], start=1):
            began = time.monotonic()
            _round(served, crews, pyg, hand, measured)
            for name, crew in others.items():
                _run(crew, name, corpus.every(hand.structures, len(hand.structures) // _N_FOR_SCALE), measured)
            say(f"round {number} of {len(hands) - 1}: {time.monotonic() - began:.0f} s")
        measured.latencies_ms = served.latencies(hands[1].structures[0])
    return measured


def _round(served: Served, crews: dict[str, Crew], pyg: Crew | None, hand: Hand, measured: Measured) -> None:
    triples = corpus.named_triples(hand.structures)
    for kind, items, inputs in (("CIF", hand.files, list(hand.files)), ("packed", hand.structures, triples)):
        legs: list[Callable[[], None]] = [
            partial(served.screen, f"served, {kind}, cold", inputs, len(items), is_cold=True),
            *(partial(_run, crew, f"{name}, {kind}, cold", items, measured) for name, crew in crews.items()),
        ]
        if pyg is not None:
            name = "PyG CGCNN x5, CIF" if kind == "CIF" else "PyG CGCNN x5, Structure"
            # Half of the peer's crystals before ours and half after: what drifts within a round hits both alike.
            for half in (0, 1):
                share = [items[row] for row in hand.peer_rows(kind, half)]
                legs.insert(len(legs) if half else 0, partial(_run, pyg, f"{name} #{half}", share, measured))
        for leg in legs:
            leg()
        served.screen(f"served, {kind}, warm", inputs, len(items), is_cold=False)
        crew = crews["in process, workers by cores"]
        measured.add(
            f"in process, workers by cores, {kind}, warm", crew.run(f"in process, workers by cores, {kind}, cold")
        )
    _join_halves(measured)


def _run(crew: Crew, name: str, items: Sequence[Any], measured: Measured) -> None:
    crew.prepare(name, items)
    measured.add(name, crew.run(name))


def _join_halves(measured: Measured) -> None:
    """The peer's two halves of a round as one figure: harmonic mean of rates, mean of costs."""
    for first in [name for name in measured.rates if name.endswith(" #0")]:
        name = first.removesuffix(" #0")
        one, two = measured.rates.pop(first)[-1], measured.rates.pop(f"{name} #1")[-1]
        measured.rates.setdefault(name, []).append(2 / (1 / one + 1 / two))
        cpu = (measured.cpu.pop(first)[-1] + measured.cpu.pop(f"{name} #1")[-1]) / 2
        measured.cpu.setdefault(name, []).append(cpu)


def _best_pyg(hand: Hand, say: Say, measured: Measured) -> Crew:
    """A process a core, or one process with a thread a core: whichever is faster here is the peer."""
    sample = corpus.every(hand.structures, 4)
    found = {}
    for processes, threads in ((usable_cores(), 1), (1, usable_cores())):
        with Crew(PygCgcnn, processes, threads) as crew:
            crew.prepare("warm-up", sample[:16])
            crew.run("warm-up")
            crew.prepare("sample", sample)
            found[processes, threads] = crew.run("sample").rate
    best = max(found, key=lambda shape: found[shape])
    tried = ", ".join(f"{p} x {t} thread(s) {rate:.0f}/s" for (p, t), rate in found.items())
    measured.notes.append(f"PyG configurations tried, from Structure: {tried}; taken: {best[0]} x {best[1]}")
    say(measured.notes[-1])
    return Crew(PygCgcnn, *best)


def _for_scale(
    opened: ExitStack, measured: Measured, package: str, engine: Callable[[], Engine], is_threaded: bool
) -> Crew | None:
    try:
        if find_spec(package) is None:
            raise EOFError
        shape = (1, usable_cores()) if is_threaded else (usable_cores(), 1)
        crew = opened.enter_context(Crew(engine, *shape))
        crew.prepare("import", [])
    except (RuntimeError, EOFError, OSError):
        measured.notes.append(f"{package} was not measured: the extra epitaxy[{package}] is not installed")
        return None
    return crew


def _warm_up(served: Served, crews: Sequence[Crew], hand: Hand) -> None:
    """Kernels, connections and imports of both kinds of input; the crystals are of no round."""
    discarded = Measured()
    spare = Served(served._stack, discarded)
    spare.screen("warm-up", list(hand.files), len(hand.files), is_cold=True)
    spare.screen("warm-up", corpus.named_triples(hand.structures), len(hand.structures), is_cold=True)
    spare.client.close()
    for crew in crews:
        _run(crew, "warm-up", list(hand.files)[:64], discarded)
        _run(crew, "warm-up", list(hand.structures)[:64], discarded)
