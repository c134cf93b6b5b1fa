"""``epitaxy consortium simulate``: the document, and what is said of bad input."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from epitaxy.cli.app import app

Done = subprocess.CompletedProcess[str]
_PLAIN = ("--column", "strength_mpa", "--unit", "MPa", "--composition-column", "formula", "--by", "process")


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes 90 alloys of three processes, with what a test changes."""

    def write(**changed: Any) -> Path:
        generator = np.random.default_rng(3)
        shares = generator.integers(1, 30, (90, 3))
        rows = pd.DataFrame(
            {
                "formula": [f"Fe{a}Ni{b}Cr{c}" for a, b, c in shares],
                "process": ["cast"] * 34 + ["rolled"] * 30 + ["forged"] * 26,
                "temperature_c": generator.choice([25.0, 400.0, np.nan], 90),
                "strength_mpa": 200 + 20.0 * shares[:, 2] + generator.normal(0, 20, 90),
            }
        ).assign(**changed)
        rows.to_parquet(tmp_path / "alloys.parquet")
        return tmp_path / "alloys.parquet"

    return write


def test_it_prints_one_object_with_errors_and_shares(table: Callable[..., Path]) -> None:
    formula = ["not an alloy!", *pd.read_parquet(table())["formula"][1:]]
    arguments = ("--condition", "temperature_c:degC", "--rows", "20", "--seeds", "1", "--json")
    # In this process: members are threads that train networks, which a forked process may not begin.
    done = CliRunner().invoke(
        app, ["consortium", "simulate", "--data", str(table(formula=formula)), *_PLAIN, *arguments]
    )
    assert done.exit_code == 3, done.output
    found = json.loads(done.stdout)
    assert found["n_refused"] == 1
    names = [entry["name"] for entry in found["companies"]]
    assert names == ["cast", "rolled", "the rest"]
    gap = found["local"] - found["central"]
    share = (found["local"] - found["federated"]) / gap if gap > 0 else None
    assert found["share_of_gap"] == (pytest.approx(share) if share is not None else None)
    assert found["worst_ratio"] == max(entry["federated"] / entry["local"] for entry in found["companies"])
    assert found["n_releases"] == 22
    assert {"HELPS", "NEUTRAL", "HURTS"} >= {word for entry in found["companies"] for word in entry["verdicts"]}


@pytest.mark.parametrize(
    ("changed", "options", "match"),
    [
        ({}, ("--rows", "80"), "TOO_FEW_ROWS: process = cast has 34 rows"),
        ({"process": "cast"}, (), "TOO_FEW_COMPANIES: process has 1 values"),
        ({"strength_mpa": np.nan}, (), "no row of"),
        ({"strength_mpa": 5.0}, (), "all rows have the same value"),
        ({"strength_mpa": "strong"}, (), "strength_mpa"),
        ({"formula": "???"}, (), "has a composition and strength_mpa"),
        ({}, ("--column", "hardness"), "hardness"),
        ({}, ("--by", "strength_mpa"), "named twice"),
        ({}, ("--condition", "humidity"), "humidity"),
        ({}, ("--members", "2"), "--members"),
        ({}, ("--rows", "3"), "--rows"),
        ({}, ("--data", "nowhere.parquet"), "nowhere.parquet"),
    ],
)
def test_bad_input_has_one_clear_line(
    run: Any, table: Callable[..., Path], changed: dict[str, Any], options: tuple[str, ...], match: str
) -> None:
    done: Done = run(
        "consortium", "simulate", "--data", str(table(**changed)), *_PLAIN, "--rows", "20", "--seeds", "1", *options
    )
    assert done.returncode == 2, done.stderr
    assert match in done.stderr
    assert "Traceback" not in done.stderr
