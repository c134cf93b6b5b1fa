"""The order and the bookkeeping of a round, with crews that only say what they were given."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.hand import Hand
from loadtest.bench.report import markdown, short_table
from loadtest.bench.targets import judged
from loadtest.corpus import crystals
from loadtest.crew import Timing
from loadtest.spread import Spread

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # PyG's import uses torch.jit.script
    from loadtest.bench import rounds

STRUCTURES = crystals(None, 48)


class Recorder:
    """A crew, or a server, of a given speed."""

    def __init__(self, who: str, rate: float, order: list[str], measured: "rounds.Measured") -> None:
        self.who, self.rate, self.order, self.measured = who, rate, order, measured
        self.held: dict[str, Sequence[Any]] = {}

    def prepare(self, name: str, items: Sequence[Any]) -> None:
        self.held[name] = items

    def run(self, name: str) -> Timing:
        self.order.append(self.who)
        return Timing(len(self.held[name]), len(self.held[name]) / self.rate, 0.1)

    def screen(self, name: str, inputs: Any, count: int, *, is_cold: bool) -> None:
        self.order.append("served" if is_cold else "served again")
        rate = self.rate if is_cold else 6 * self.rate
        self.measured.add(name, Timing(count, count / rate, 0.1))


@pytest.fixture
def measured() -> "rounds.Measured":
    found, order = rounds.Measured(), []
    hand = Hand([Path(f"{row}.cif") for row in range(48)], [s.n_sites for s in STRUCTURES], STRUCTURES)
    crews = {
        "in process, 1 worker": Recorder("one", 500, order, found),
        "in process, workers by cores": Recorder("two", 1000, order, found),
    }
    for _ in range(2):
        rounds._round(Recorder("", 900, order, found), crews, Recorder("peer", 90, order, found), hand, found)
    assert order[:7] == ["peer", "served", "one", "two", "peer", "served again", "two"]
    return found


def test_a_round_measures_every_way_once_and_the_peer_before_and_after(measured: "rounds.Measured") -> None:
    assert {len(rates) for rates in measured.rates.values()} == {2}
    assert measured.rates["PyG CGCNN x5, CIF"] == pytest.approx([90, 90])
    assert not [name for name in measured.rates if "#" in name]
    verdicts = {target.name: target.verdict for target in judged(measured.rates, [10.0] * 100)}
    assert verdicts["served from CIF, cold, over PyG from CIF"] == "met"
    assert "missed" not in verdicts.values()
    # ``bench.kinds`` measures those on the same stack.
    unmeasured = {name for name, verdict in verdicts.items() if verdict == "not measured"}
    assert unmeasured == {"molecules, cold", "compositions, cold"}


def test_the_tables_hold_what_was_measured(measured: "rounds.Measured") -> None:
    report = {
        "record": {
            "commit": "abc",
            "measured_at": "now",
            "machine": "a test",
            "load_before": 0,
            "versions": {"a": "1"},
        },
        "source": "crystals of a test",
        "rounds": 2,
        "structures_a_round": 96,
        "unanswered": 0,
        "hits_when_cold": 0,
        "notes": ["A note"],
        "structures_per_second": {name: Spread.of(found).as_record() for name, found in measured.rates.items()},
        "cpu_ms_a_structure": {name: Spread.of(found).as_record() for name, found in measured.cpu.items()},
        "targets": [target.as_record() for target in judged(measured.rates, [10.0] * 100)],
        "stages": {},
    }
    assert "| served, CIF, cold | 900 (900 to 900) |" in markdown(report)
    assert "| CIF files, never seen before | 900 | 10.0x |" in short_table(report)
