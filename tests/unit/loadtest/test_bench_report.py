import numpy as np
import pytest

from loadtest.bench.hand import Hand
from loadtest.bench.report import replaced
from loadtest.bench.targets import judged
from loadtest.corpus import crystals, dealt
from loadtest.processes import role_of
from loadtest.spread import Spread, percentile, ratios, slope

RATES = {
    "served, CIF, cold": [900.0, 450.0, 800.0],
    "PyG CGCNN x5, CIF": [100.0, 50.0, 100.0],
    "in process, workers by cores, CIF, cold": [1000.0, 500.0, 1000.0],
}


def found(name: str):
    return next(target for target in judged(RATES, [5.0] * 99 + [80.0]) if target.name == name)


def test_ratios_are_taken_within_a_round() -> None:
    """The machine halved its speed in the second round; the ratio did not notice."""
    ratio = ratios(RATES["served, CIF, cold"], RATES["PyG CGCNN x5, CIF"])
    assert (ratio.lowest, ratio.median, ratio.highest) == (8.0, 9.0, 9.0)


def test_targets_are_met_missed_or_not_measured() -> None:
    assert found("served from CIF, cold, over PyG from CIF").verdict == "met"
    assert found("served over in process, CIF").verdict == "met"
    assert found("single warm Predict, p50").verdict == "met"
    assert found("served packed, cold, over PyG from Structure").verdict == "not measured"
    slow = judged({}, [70.0] * 100)
    assert next(target for target in slow if target.name == "single warm Predict, p99").verdict == "missed"


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 99.0
    with pytest.raises(ValueError, match="no measurement"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="no measurement"):
        Spread.of([])


def test_a_slope_is_that_of_the_line() -> None:
    assert slope([0, 1, 2, 3], [5, 7, 9, 11]) == pytest.approx(2)
    assert slope([1, 1, 1], [5, 7, 9]) == 0


def test_figures_go_between_their_marks_and_nowhere_else() -> None:
    page = "before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter"
    assert replaced(page, "bench", "new") == "before\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nafter"
    with pytest.raises(ValueError, match="no marks"):
        replaced("nothing here", "bench", "new")


def test_hands_share_no_crystal_and_have_the_same_mix_of_sizes() -> None:
    hands = dealt(crystals(None, 700), 4)
    names = [structure.content_digest() for hand in hands for structure in hand]
    assert len(set(names)) == len(names) == 700
    sizes = [sum(structure.n_sites for structure in hand) for hand in hands]
    assert max(sizes) < 1.1 * min(sizes)


def test_processes_are_told_apart_by_their_command_lines() -> None:
    assert role_of("ray::ServeReplica:prediction:intake.handle") == "intake"
    assert role_of("python -m epitaxy.gateway") == "gateway"
    assert role_of("/ray/core/src/ray/raylet/raylet --x") == "ray"


def test_the_peer_gets_the_same_mix_of_sizes() -> None:
    structures = dealt(crystals(None, 557), 1)[0]
    hand = Hand([], [], structures)
    rows = [row for half in (0, 1) for row in hand.peer_rows("packed", half)]
    assert len(set(rows)) == len(rows) == pytest.approx(557 / 6, abs=1)
    whole, share = (np.mean([s.n_sites for s in chosen]) for chosen in (structures, [structures[row] for row in rows]))
    assert share == pytest.approx(whole, rel=0.1)
