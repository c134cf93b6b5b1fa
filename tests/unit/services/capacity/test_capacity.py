import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from epitaxy.capacity import CapacityError, Demand, MeasuredCosts, estimate, read_costs
from epitaxy.capacity.costs import Line
from epitaxy.cli.app import app
from epitaxy.cli.server.capacity import count_of

COSTS = MeasuredCosts(
    cold={"intake": Line(0.5, 0.05), "ensemble": Line(1.0, 0.1)},
    warm={"intake": Line(0.25, 0.0), "ensemble": Line(0.0, 0.0)},
    client=Line(0.1, 0.0),
    busy_share=0.8,
    error_share=0.1,
    worst_error_share=0.2,
    mix_error_share=0.05,
    atoms=(2.0, 300.0),
    machine="a test, 2 cores",
    commit="abc",
    measured_at="2026-01-01T00:00:00+00:00",
    n_cores=2,
)


def test_time_is_structures_times_cost_over_busy_cores() -> None:
    found = estimate(Demand(structures=1_000_000, atoms=10), COSTS)
    assert found.core_ms == pytest.approx(0.5 + 0.5 + 1.0 + 1.0)
    assert found.structures_per_second == pytest.approx(2 * 0.8 * 1000 / 3.0)
    assert found.hours == pytest.approx(1_000_000 * 3.0e-3 / 1.6 / 3600)


def test_the_error_of_the_model_widens_the_time_by_the_larger_of_both() -> None:
    found = estimate(Demand(structures=1000), COSTS)
    assert (found.hours_low, found.hours_high) == (pytest.approx(0.9 * found.hours), pytest.approx(1.1 * found.hours))
    worse = estimate(Demand(structures=1000), replace(COSTS, mix_error_share=0.3))
    assert worse.hours_high == pytest.approx(1.3 * worse.hours)
    assert any("10 % on average and 20 % at worst" in remark for remark in found.remarks)


def test_what_the_cache_knows_costs_what_was_measured_warm() -> None:
    assert estimate(Demand(1000, atoms=10, cached_share=1.0), COSTS).core_ms == pytest.approx(0.25)
    assert estimate(Demand(1000, atoms=10, cached_share=0.5), COSTS).core_ms == pytest.approx((3.0 + 0.25) / 2)


def test_cores_for_a_deadline_are_enough_and_one_less_is_not() -> None:
    needed = estimate(Demand(10_000_000, atoms=10, within_hours=1.0), COSTS).cores_needed
    assert needed is not None
    assert estimate(Demand(10_000_000, atoms=10, cores=needed), COSTS).hours <= 1.0
    assert estimate(Demand(10_000_000, atoms=10, cores=needed - 1), COSTS).hours > 1.0


def test_no_gpu_figure_is_made_up() -> None:
    with pytest.raises(CapacityError, match="no cost was measured on A100"):
        Demand(1000, gpu="A100")


def test_a_gpu_takes_the_networks_off_the_cores_and_the_slower_of_both_sets_the_rate() -> None:
    quick = estimate(Demand(1000, atoms=10, gpu="A100", speedup=1000.0), COSTS)
    assert quick.core_ms == pytest.approx(1.0)
    assert quick.limited_by == "cores"
    assert quick.structures_per_second == pytest.approx(1600)
    slow = estimate(Demand(1000, atoms=10, gpu="A100", speedup=1.0), COSTS)
    assert (slow.limited_by, slow.structures_per_second) == ("gpu", pytest.approx(500))


@pytest.mark.parametrize(
    "wrong",
    [{"structures": 0}, {"atoms": 0}, {"cores": 0}, {"cached_share": 1.1}, {"speedup": 2.0}, {"within_hours": 0}],
)
def test_a_demand_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(CapacityError, match=r"^give|^--speedup needs the name"):
        Demand(**({"structures": 10} | wrong))


def test_sizes_outside_of_the_measurement_are_said_to_be() -> None:
    assert any("outside the measured range" in remark for remark in estimate(Demand(10, atoms=900), COSTS).remarks)
    assert not any("outside the measured range" in remark for remark in estimate(Demand(10, atoms=30), COSTS).remarks)


def test_costs_survive_their_file_and_another_format_is_refused() -> None:
    record = json.loads(json.dumps(COSTS.as_record()))
    assert MeasuredCosts.from_record(record) == COSTS
    with pytest.raises(ValueError, match="the format of the costs is 9, not 1"):
        MeasuredCosts.from_record(record | {"format_version": 9})


def test_costs_of_another_machine_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    with pytest.raises(CapacityError, match=r"no costs in .*: measure them"):
        read_costs(file)
    file.write_text("{}")
    with pytest.raises(CapacityError, match="does not hold measured costs"):
        read_costs(file)
    file.write_text(json.dumps(COSTS.as_record()))
    arguments = ["capacity", "--structures", "1M", "--atoms", "10", "--costs", str(file), "--json"]
    answer = CliRunner().invoke(app, arguments)
    assert json.loads(answer.stdout)["core_ms"] == pytest.approx(3.0)


def test_the_shipped_costs_grow_with_the_cell_and_shrink_with_the_cache() -> None:
    costs = read_costs()
    assert 0 < costs.server_ms(10, 0) < costs.server_ms(100, 0)
    assert costs.server_ms(30, 1.0) < costs.server_ms(30, 0)
    assert 0 < costs.busy_share <= 1
    assert costs.commit


@pytest.mark.parametrize(("text", "count"), [("10M", 10_000_000), ("2.5k", 2500), ("1_000", 1000), ("3", 3)])
def test_counts_are_read_as_people_write_them(text: str, count: int) -> None:
    assert count_of(text) == count


def test_the_command_answers_in_json_and_refuses_to_guess_a_gpu() -> None:
    answer = CliRunner().invoke(app, ["capacity", "--structures", "10M", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["hours"] > 0
    refusal = CliRunner().invoke(app, ["capacity", "--structures", "10M", "--gpu", "H100"])
    assert refusal.exit_code == 2
    assert "does not guess" in refusal.output
    assert CliRunner().invoke(app, ["capacity", "--structures", "many"]).exit_code == 2
