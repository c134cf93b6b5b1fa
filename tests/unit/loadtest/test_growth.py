from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from loadtest.corpus import crystals
from loadtest.growth import Cost, _with_networks_apart, cells_of, fitted, line_through

SIZES = (2.0, 10.0, 30.0, 100.0, 300.0)
RECORD = {"machine": "a test", "commit": "abc", "measured_at": "2026-01-01", "load_before": 0.0}


def entry(atoms: float, ensemble: float) -> dict[str, object]:
    return {"atoms": atoms, "busy_share": 0.9, "cpu_ms": {"ensemble": ensemble, "intake": 1.0, "client": 0.5}}


def report(cost: Callable[[float], float]) -> dict[str, object]:
    sizes = [entry(atoms, cost(atoms)) for atoms in SIZES]
    return {"sizes_cold": sizes, "sizes_warm": sizes, "natural_mix": entry(40.0, cost(40.0))}


def test_costs_on_a_line_are_found_and_err_nowhere() -> None:
    costs = fitted(report(lambda atoms: 2.0 + 0.1 * atoms), RECORD)
    assert costs.server_ms(50.0, 0.0) == pytest.approx(1.0 + 2.0 + 5.0)
    assert costs.network_ms(50.0, 0.0) == pytest.approx(7.0)
    assert costs.client.at(50.0) == pytest.approx(0.5)
    assert (costs.error_share, costs.worst_error_share, costs.mix_error_share) == (0, 0, 0)


def test_the_stated_error_is_that_on_sizes_that_were_kept_back() -> None:
    """Only the sizes between are wrong, by a third of the whole; what was fitted cannot tell."""
    bent = report(lambda atoms: 2.0 + 0.1 * atoms)
    for place in (1, 3):
        bent["sizes_cold"][place]["cpu_ms"]["ensemble"] += 0.5 * sum(bent["sizes_cold"][place]["cpu_ms"].values())  # type: ignore[index]
    costs = fitted(bent, RECORD)
    assert costs.error_share == pytest.approx(1 / 3, abs=1e-3)
    assert costs.worst_error_share == pytest.approx(1 / 3, abs=1e-3)
    assert costs.mix_error_share == 0


def test_a_line_never_falls_below_zero() -> None:
    line = line_through([1, 10, 100], [5.0, 4.0, 3.0])
    assert line.fixed_ms >= 0
    assert line.ms_an_atom >= 0


def test_small_cells_count_as_much_as_large_ones() -> None:
    """A fit of absolute errors would give the small cell a tenfold cost here."""
    line = line_through([1, 300, 400], [1.0, 300.0, 480.0])
    assert line.at(1) == pytest.approx(1.0, rel=0.2)


def test_cells_of_a_size_come_from_the_pool_or_are_built() -> None:
    pool, random = crystals(None, 200), np.random.default_rng(0)
    assert all(3 <= structure.n_sites <= 5 for structure in cells_of(pool, 4, 20, random))
    built = cells_of(pool, 300, 3, random)
    assert len(built) == 3
    assert all(150 <= structure.n_sites <= 420 for structure in built)


def test_networks_are_taken_out_of_intake_and_nothing_is_lost() -> None:
    cost = Cost(30.0, 500.0, 0.9, Counter({"intake": 2.0, "client": 0.2}))
    assert _with_networks_apart(cost, 1.2).by_role == pytest.approx({"intake": 0.8, "ensemble": 1.2, "client": 0.2})
    assert _with_networks_apart(cost, 9.0).by_role.total() == pytest.approx(2.2)
