"""Parts of the soak, the faults and fairness: arguments, what is struck, what is judged. Stacks run by command only."""

import itertools
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest import fairness
from loadtest.faults import __main__ as faults
from loadtest.faults.faults import DISK, Fault, all_faults
from loadtest.faults.trial import Trial
from loadtest.harm import CORE, CORE_PAUSE_SECONDS, PARTS, WORKER, How, Plan, part_of, plans, stop_for
from loadtest.soak import __main__ as soak
from loadtest.soak import report as reports
from loadtest.soak.run import Outcome
from loadtest.soak.vitals import Vitals, growth_of
from loadtest.trials.accounts import Account, distance
from loadtest.trials.work import compositions, molecules

RECORD = {"machine": "a test", "commit": "abc", "measured_at": "2026-01-01", "load_before": 0.0}


def test_arguments_have_defaults_and_wrong_ones_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert (soak.arguments([]).minutes, soak.arguments(["--seed", "7"]).seed) == (30, 7)
    assert faults.arguments([]).items == 20_000
    for command, wrong in ((soak, ["--minutes", "0"]), (faults, ["--items", "0"]), (faults, ["--only", "moon"])):
        with pytest.raises(SystemExit, match="2"):
            command.arguments(wrong)
    assert "must be positive" in capsys.readouterr().err


def test_there_are_twelve_faults_and_those_that_may_end_a_stack_have_one_to_themselves() -> None:
    assert len({fault.part for fault in all_faults()}) == 12
    groups = faults.chosen(faults.arguments(["--how", "kill"]))
    assert sorted(fault.part for group in groups for fault in group) == sorted({f.part for f in all_faults()})
    alone = {group[0].part for group in groups if len(group) == 1}
    assert alone == {"gcs", "raylet", "agent", DISK}


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (b"ray::ServeReplica:prediction:intake", "intake"),
        (b"/x/python\0-m\0epitaxy.gateway\0", "gateway"),
        (b"ray::DashboardAgent\0\0", "agent"),
        (b"ray::RuntimeEnvAgent\0\0", "agent"),
        (b"ray::JobActor.run\0", WORKER),
        (b"/x/python\0-m\0epitaxy.stack.reaper\0", ""),
        (b"/x/python\0-m\0epitaxy.cli\0serve\0", ""),
    ],
)
def test_parts_are_told_by_their_command_lines(command: bytes, part: str) -> None:
    assert part_of(command) == part


def test_harm_is_the_same_for_a_seed_and_strikes_ray_as_rarely_as_it_promises_to_survive() -> None:
    first, again, other = (list(itertools.islice(plans(seed, 8.0, 32.0), 2000)) for seed in (3, 3, 4))
    assert first == again != other
    assert {plan.part for plan in first} == {*PARTS, WORKER}
    assert {bool(plan.seconds) for plan in first} == {True, False}
    elapsed, struck = 0.0, []
    for plan in first:
        elapsed += plan.pause + plan.seconds
        struck += [elapsed] if plan.part in CORE else []
    assert len(struck) > 10
    assert min(b - a for a, b in itertools.pairwise(struck)) >= CORE_PAUSE_SECONDS


def test_a_part_that_is_away_is_replaced_by_another_but_not_by_ray_itself() -> None:
    plan = Plan(1.0, "redis", 0.99, 0.0)
    assert plan.target({"redis": [5, 4], "gcs": [9]}) == ("redis", 5)
    assert plan.target({"gateway": [7], "gcs": [9]}) == ("gateway", 7)
    assert plan.target({"gcs": [9]}) is None


def test_a_stopped_process_goes_on_even_if_the_wait_is_cut_short() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    states = []

    def interrupted(_: float) -> None:
        for _ in range(100):
            states.append(state(child.pid))
            if states[-1] == "T":
                break
            time.sleep(0.01)
        raise KeyboardInterrupt("cut short")

    try:
        with pytest.raises(KeyboardInterrupt, match="cut short"):
            stop_for(child.pid, 60.0, interrupted)
        assert states[-1] == "T"
        assert state(child.pid) != "T"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_answers_are_equal_by_the_size_of_their_property() -> None:
    expected = {"gap.value": 100.0, "gap.lower": 1e-3, "formula": "NaCl", "domain_score": 0.5}
    assert distance([expected], dict(expected)) == 0
    assert distance([expected], expected | {"gap.lower": 1e-3 + 9e-5}) == pytest.approx(0.9)
    further = expected | {"gap.value": 100.0002}
    assert distance([expected], further) == pytest.approx(2)
    assert distance([expected, further], expected | {"gap.value": 100.0003}) == pytest.approx(1)
    assert distance([expected, further], expected | {"gap.value": 100.0001}) == 0
    assert distance([expected], expected | {"domain_score": 0.50001}) == pytest.approx(0.5)
    for wrong in ({"formula": "KCl"}, {"gap.value": math.nan}, {"more": 1.0}, {"gap.value": "0"}):
        assert distance([expected], expected | wrong) == math.inf  # type: ignore[operator]


def test_what_is_lost_doubled_or_wrong_is_counted_and_named() -> None:
    account = Account("screens")
    expected = [[{"value": 1.0}], [{"value": 2.0}], [{"value": 3.0}]]
    account.compare_all(["a", "b", "c"], expected, [(0, {"value": 1.0}), (0, {"value": 1.0}), (2, {"value": 4.0})])
    found = (account.asked, account.answered, account.lost, account.doubled, account.wrong)
    assert found == (3, 2, 1, 1, 1)
    assert not account.is_whole
    assert any("b among them" in note for note in account.notes)
    assert any("c: value is 4.0 and was 3.0" in note for note in account.notes)


def test_work_of_which_nothing_was_asked_shows_nothing() -> None:
    assert not Account("screens").is_whole
    assert Account("screens", asked=1, answered=1).is_whole


def test_a_tenth_and_an_allowance_are_no_growth_and_more_is() -> None:
    at = [float(second) for second in range(0, 600, 10)]
    leaking = growth_of("gateway 1", "MiB", at, [100 + 0.05 * second for second in at], 16.0)
    assert leaking.grown == pytest.approx(29.5)
    assert not leaking.is_flat
    waves = growth_of("gateway 1", "MiB", at, [100 + 10 * math.sin(second / 40) for second in at], 16.0)
    assert waves.is_flat


def test_vitals_know_this_process_and_only_room_that_comes_back_counts(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        vitals = Vitals(child.pid, [tmp_path])
        for name in ("finetune", "logs"):
            (tmp_path / name).mkdir()
        for look in range(40):
            (tmp_path / "finetune" / f"{look}").write_bytes(bytes(2**20))
            vitals.look(10.0 * look)
        [memory, descriptors, disk] = vitals.growths()
        assert (memory.name, memory.is_flat, descriptors.unit) == (f"supervisor {child.pid}", True, "descriptors")
        assert (disk.grown, disk.is_flat) == (0, True)
        for look in range(40, 120):
            (tmp_path / "logs" / f"{look}").write_bytes(bytes(2**20))
            vitals.look(10.0 * look)
        assert not vitals.growths()[-1].is_flat
    finally:
        child.kill()
        child.wait()


def test_a_report_says_what_failed() -> None:
    whole, torn = Account("jobs", asked=2, answered=2), Account("screens", asked=2, answered=1, lost=1)
    torn.note("no answer to 1 of 2")
    flat = growth_of("gateway 1", "MiB", [0.0, 10.0], [1.0, 1.0], 16.0)
    for accounts, growths, survived, unfinished, passes in (
        ((whole,), (flat,), True, (), True),
        ((whole, torn), (flat,), True, (), False),
        ((whole,), (growth_of("gateway 1", "MiB", [0.0, 10.0], [1.0, 99.0], 16.0),), True, (), False),
        ((whole,), (flat,), False, (), False),
        ((whole,), (flat,), True, ("jobs of a",), False),
    ):
        outcome = Outcome(accounts, (), growths, 60.0, survived, unfinished, {})
        text = reports.markdown(reports.record_of(outcome, RECORD, 0))
        assert text.startswith("Passed" if passes else "**Failed**")
        assert ("no answer to 1 of 2" in text) == (torn in accounts)


def test_a_fault_that_struck_nothing_shows_nothing() -> None:
    whole = Account("screens", asked=1, answered=1)
    fault = Fault("redis", How.KILL)
    assert not Trial(fault, [whole], survived=True).passes
    assert Trial(fault, [whole], survived=True, struck=[5]).passes
    assert not Trial(fault, [whole], survived=False, struck=[5]).passes
    assert Trial(Fault(DISK, How.KILL), [whole], survived=True).passes


def test_materials_to_ask_for_differ_from_each_other() -> None:
    for made in (molecules(200), compositions(200)):
        assert len({name for name, _ in made}) == 200


def test_fairness_is_judged_by_medians_of_rounds() -> None:
    rounds = [
        {"alone": {"p99_ms": alone, "p50_ms": 5.0}, "beside": {"p99_ms": beside, "p50_ms": 9.0}, "message_ms": 100.0}
        for alone, beside in ((10.0, 900.0), (11.0, 120.0), (12.0, 130.0))
    ]
    assert fairness.judged({"rounds": rounds}) == {"fair": True}
    assert fairness.judged({"rounds": rounds[:1]}) == {"fair": False}
    slower = {"rounds": rounds, "throughput": {"ratio": {"median": 0.96}}}
    assert fairness.judged(slower) == {"fair": True, "throughput": False}
