import numpy as np
import pytest

from epitaxy_models.campaigns import Goal, Limit, Objective
from epitaxy_models.errors import ConfigurationError


def test_reads_what_the_command_takes() -> None:
    assert Objective.parse("gap:max", "eV").goal is Goal.MAXIMIZE
    assert Objective.parse("a:b:min", "eV").name == "a:b"
    matched = Objective.parse("band_gap_hse_eV:match:1.4", "eV")
    assert (matched.low, matched.high, str(matched)) == (1.4, 1.4, "band_gap_hse_eV:match:1.4")
    band = Objective.parse("gap:band:1:2", "eV")
    assert (band.low, band.high) == (1.0, 2.0)


@pytest.mark.parametrize(
    "text", ["gap", "gap:maximum", "gap:match", "gap:match:a", "gap:band:2:1", ":max", "gap:max:3"]
)
def test_refuses_what_is_no_objective(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"objective|holds nothing|takes|needs") as caught:
        Objective.parse(text, "eV")
    assert caught.value.reason == "INVALID_OBJECTIVE"


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("max", [0.0, 1.0, 3.0]),
        ("min", [0.0, -1.0, -3.0]),
        ("match:1", [-1.0, 0.0, -2.0]),
        ("band:1:2", [-1.0, 0.0, -1.0]),
    ],
)
def test_utility_is_more_for_better_values(goal: str, expected: list[float]) -> None:
    objective = Objective.parse(f"y:{goal}", "eV")
    values = np.array([0.0, 1.0, 3.0])
    assert objective.utility(values).tolist() == expected
    # The values of at least a utility are those between the two ends.
    for value, utility in zip(values, expected, strict=True):
        low, high = objective.values_above(utility)
        assert low <= value <= high


def test_limits_are_kept_by_values_on_their_side_only() -> None:
    limit = Limit.parse("energy_above_hull<0.1")
    assert limit.is_kept(np.array([0.05, 0.2, np.nan])).tolist() == [True, False, False]
    assert not Limit.parse("gap >= 1").is_upper
    with pytest.raises(ConfigurationError, match="is not a limit"):
        Limit.parse("gap")
