"""The load generator against a server that answers slowly: no network, the client's calls alone are replaced."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest

from epitaxy.client import ItemError
from epitaxy.client.errors import UnavailableError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import Structure
from loadtest.corpus import crystals, shaken_supercell
from loadtest.scenario import drive
from loadtest.scenario.arrivals import intended_times
from loadtest.scenario.config import Crystals, OpenLoop, Phase
from loadtest.scenario.crystals import crystals_of, requests_of
from loadtest.scenario.outcome import PhaseOutcome

CELL = (np.eye(3) * 4, np.array([11], dtype=np.uint8), np.zeros((1, 3)))
SERVICE_SECONDS = 0.1


@dataclass(frozen=True)
class Reply:
    error: ItemError | None = None
    cache_hit: bool = False


class SlowClient:
    """Answers one request at a time."""

    turn: asyncio.Lock

    def __init__(self, *_: object, **__: object) -> None: ...

    async def __aenter__(self) -> "SlowClient":
        SlowClient.turn = asyncio.Lock()
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def predict(self, request: list[object]) -> list[Reply]:
        async with SlowClient.turn:
            await asyncio.sleep(SERVICE_SECONDS)
        return [Reply() for _ in request]


class DeadClient(SlowClient):
    async def predict(self, request: list[object]) -> list[Reply]:
        raise UnavailableError("nobody is there", reason="UNAVAILABLE")


def cells() -> Iterator[list[tuple[str, object]]]:
    while True:
        yield [("a", CELL)]


async def load(monkeypatch: pytest.MonkeyPatch, client: type, phase: Phase) -> PhaseOutcome:
    monkeypatch.setattr(drive, "AsyncClient", client)
    return await drive.run_phase(phase, drive.Server("nowhere:1"), cells(), [], 0, 5.0, lambda *_: None)


def open_phase(**loop: object) -> Phase:
    return Phase(name="p", loop={"kind": "open", "arrivals": "even", **loop}, seconds=0.52)


@pytest.mark.parametrize("window", [1, 100])
async def test_a_stalled_server_shows_in_the_latency_of_all_that_queue_behind_it(
    monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Twice the rate that the server can do: the last of some ten waits for half a second, in whichever queue."""
    outcome = await load(monkeypatch, SlowClient, open_phase(requests_per_second=20, max_in_flight=window))
    metrics = outcome.metrics()
    assert outcome.answered == 10
    assert metrics["latency_max_ms"] > 350
    if window == 1:
        # Each alone looks as quick as the server is: what a closed loop would have reported.
        assert metrics["service_time_p99_ms"] < 200
        assert metrics["late_share"] > 0.5


async def test_a_closed_loop_waits_for_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    phase = Phase(name="p", loop={"kind": "closed", "callers": 2}, structures=6, seconds=5)
    outcome = await load(monkeypatch, SlowClient, phase)
    assert outcome.answered == 6
    assert outcome.metrics()["late_share"] == 0


async def test_calls_that_fail_count_every_structure_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await load(monkeypatch, DeadClient, open_phase(requests_per_second=20))
    assert outcome.metrics()["failed_share"] == 1
    assert outcome.as_record()["errors"] == {"UNAVAILABLE": len(outcome.calls)}


def test_poisson_arrivals_have_the_rate_that_was_asked_for() -> None:
    loop = OpenLoop(kind="open", requests_per_second=50)
    times = list(islice(intended_times(loop, np.random.default_rng(0)), 2000))
    assert times[-1] == pytest.approx(40, rel=0.1)
    assert np.std(np.diff(times)) == pytest.approx(0.02, rel=0.1)


def test_cold_requests_never_repeat_a_crystal_and_warm_ones_do() -> None:
    phase = {"name": "p", "loop": {"kind": "closed", "callers": 1}, "seconds": 1, "crystals": {"unique": 2}}
    pair = crystals_of(Crystals(unique=2, sites=(1, 8)), None, seed=0)
    lattices = {}
    for cache in ("cold", "as-is"):
        drawn = islice(requests_of(Phase(**phase, cache=cache), pair, seed=1), 20)
        lattices[cache] = {request[0][1][0].tobytes() for request in drawn}
    assert len(lattices["cold"]) == 20
    assert len(lattices["as-is"]) == 2


def test_cold_crystals_are_new_to_a_cache_that_takes_nearly_equal_ones_for_one() -> None:
    pair = crystals_of(Crystals(unique=2, sites=(1, 4)), None, seed=0)
    phase = Phase.model_validate(
        {"name": "p", "loop": {"kind": "closed", "callers": 1}, "seconds": 1, "cache": "cold"}
        | {"structures_per_request": 500, "crystals": {"unique": 2}}
    )
    (request,) = islice(requests_of(phase, pair, seed=1), 1)
    keys = {build_graph(structure).key for structure in pair}
    keys |= {build_graph(Structure(*triple)).key for _, triple in request}
    assert len(keys) == 502


@pytest.mark.parametrize(("most", "spread_sizes"), [(400, False), (8, True)])
def test_a_cold_phase_repeats_crystals_where_the_source_has_too_few(most: int, *, spread_sizes: bool) -> None:
    """Copies stretched beforehand could meet those of another copy."""
    few = crystals_of(Crystals(unique=700, sites=(2, most), spread_sizes=spread_sizes), None, seed=0, is_cold=True)
    assert len(few) == 700
    source = {structure.content_digest() for structure in crystals(None, 557)}
    assert {structure.content_digest() for structure in few} <= source


def test_a_cell_that_the_source_lacks_is_built_without_equal_atoms() -> None:
    """Else its quotient graph, and its cost, would be those of the small cell."""
    salt = min((s for s in crystals(None, 100) if s.n_sites == 2), key=lambda s: s.volume)
    large = shaken_supercell(salt, 130, np.random.default_rng(0))
    assert large.n_sites == 128
    assert large.volume / large.n_sites == pytest.approx(salt.volume / 2)
    assert build_graph(large).n_nodes == 128


def test_sizes_are_spread_over_what_was_asked_for() -> None:
    found = [
        structure.n_sites for structure in crystals_of(Crystals(unique=40, sites=(1, 400), spread_sizes=True), None, 0)
    ]
    assert min(found) <= 2
    assert 250 <= max(found) <= 560
