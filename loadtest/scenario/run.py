"""A scenario from its first phase to its verdict."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest import corpus
from loadtest.machine import machine_record
from loadtest.scenario.config import Phase, Scenario
from loadtest.scenario.crystals import crystals_of, requests_of
from loadtest.scenario.drive import Request, Server, run_phase
from loadtest.scenario.outcome import Judgement, PhaseOutcome, judged

OnPhase = Callable[[PhaseOutcome, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario has shown."""

    scenario: Scenario
    outcomes: tuple[PhaseOutcome, ...]
    judgements: tuple[Judgement, ...]
    is_local: bool
    record: dict[str, Any]

    @property
    def passes(self) -> bool:
        return all(judgement.passes for judgement in self.judgements)

    def as_record(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.name,
            "passed": self.passes,
            "is_local": self.is_local,
            "record": self.record,
            "phases": {outcome.name: outcome.as_record() for outcome in self.outcomes},
            "thresholds": [judgement.as_record() for judgement in self.judgements],
            "settings": self.scenario.model_dump(mode="json"),
        }


def run_scenario(scenario: Scenario, server: Server, parquet: Path | None, tell: OnPhase) -> Result:
    """All phases in turn, whatever their outcome."""
    record = machine_record()
    outcomes = asyncio.run(_all_phases(scenario, server, parquet, tell))
    is_local = server.pid is not None
    judgements = judged(scenario.thresholds, outcomes, is_local=is_local)
    return Result(scenario, tuple(outcomes), tuple(judgements), is_local, record)


async def _all_phases(scenario: Scenario, server: Server, parquet: Path | None, tell: OnPhase) -> list[PhaseOutcome]:
    outcomes = []
    for number, phase in enumerate(scenario.phases):
        seed = scenario.seed + number
        crystals = crystals_of(phase.crystals, parquet, seed, is_cold=phase.cache == "cold")
        prime: Request = corpus.named_triples(crystals) if phase.cache == "warm" else []
        requests = requests_of(phase, crystals, _seed_of(phase, seed))
        outcomes.append(await run_phase(phase, server, requests, prime, seed, scenario.timeout_seconds, tell))
        await asyncio.sleep(scenario.settle_seconds)
    return outcomes


def _seed_of(phase: Phase, seed: int) -> int:
    """Cold crystals differ from run to run: a server that was asked before must not know them."""
    if phase.cache != "cold":
        return seed
    import secrets  # noqa: PLC0415 - for this alone

    return secrets.randbits(63)
