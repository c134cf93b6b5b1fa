from pathlib import Path

import pytest

from loadtest.scenario.__main__ import USAGE, main
from loadtest.scenario.config import ScenarioError, read_scenario

SCENARIOS = Path(__file__).parents[3] / "loadtest" / "scenarios"
SMALL = """
name: small
description: For these tests.
phases:
  - {name: one, loop: {kind: closed, callers: 2}, seconds: 1}
thresholds:
  - {phase: one, metric: failed_share, at_most: 0}
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "scenario.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_can_be_read_and_is_named_as_its_file(path: Path) -> None:
    assert read_scenario(path).name == path.stem


def test_the_kinds_of_load_that_are_promised_are_there() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.yaml")} >= {
        "steady",
        "burst",
        "mixed-sizes",
        "many-tenants",
        "cold-and-warm",
        "soak",
    }


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (SMALL.replace("seconds: 1", "seconds: 1, secnods: 2"), "phases.0.secnods: Extra inputs"),
        (SMALL.replace("metric: failed_share", "metric: failures"), "thresholds.0.metric"),
        (SMALL.replace("phase: one", "phase: two"), "phases that do not exist: two"),
        (SMALL.replace(", at_most: 0", ""), "needs at_least or at_most"),
        (SMALL.replace(", seconds: 1", ""), "needs seconds or structures"),
        (SMALL.replace("seconds: 1", "seconds: 1, tenants: 3"), "2 callers cannot be 3 tenants"),
        (SMALL.replace("seconds: 1", "seconds: 1, crystals: {sites: [9, 3]}"), "sites: 9 is above 3"),
        (SMALL.replace("kind: closed", "kind: open"), "phases.0.loop.open"),
        ("phases: [", "is no YAML"),
    ],
)
def test_a_scenario_that_does_not_fit_is_refused_with_its_place(written, changed: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        read_scenario(written(changed))
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_command_ends_with_2_where_the_scenario_is_wrong(written, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written("name: x"))]) == USAGE
    assert "description" in capsys.readouterr().err


def test_scaling_shortens_the_load_and_leaves_the_thresholds(written) -> None:
    scenario = read_scenario(written(SMALL))
    assert scenario.scaled(0.25).phases[0].seconds == 0.25
    assert scenario.scaled(0.25).thresholds == scenario.thresholds


def test_a_shorter_soak_goes_round_as_often() -> None:
    soak = read_scenario(SCENARIOS / "soak.yaml")
    short = soak.scaled(0.1).phases[0]
    assert (short.structures, short.crystals.unique) == (20_000, 2_000)
    assert soak.phases[0].structures == 200_000
