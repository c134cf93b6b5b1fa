"""The load generator against the running product, as an MLOps engineer points it at one."""

import json
from pathlib import Path

import pandas as pd
import pytest
from product import Product

from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.equivalent_cells import scaled
from loadtest import corpus
from loadtest.scenario.__main__ import FAILED, PASSED, main

pytestmark = pytest.mark.stack
SCENARIO = """
name: tiny
description: Some seconds of both loops.
phases:
  - name: closed
    loop: {kind: closed, callers: 2}
    structures: 48
    structures_per_request: 8
    cache: cold
    crystals: {unique: 20, sites: [1, 20]}
  - name: open
    loop: {kind: open, requests_per_second: 10}
    seconds: 1.5
    cache: warm
    crystals: {unique: 20, sites: [1, 20]}
thresholds:
  - {phase: closed, metric: failed_share, at_most: 0}
  - {phase: closed, metric: cache_hit_share, at_most: 0}
  - {phase: open, metric: cache_hit_share, at_least: 1}
  - {phase: open, metric: latency_p99_ms, at_most: LIMIT}
  - {phase: closed, metric: memory_mib_per_100k, at_most: 1, local_only: true}
"""


@pytest.mark.parametrize(("limit", "code"), [("60000", PASSED), ("0.001", FAILED)])
def test_a_scenario_loads_a_running_server_and_ends_with_its_verdict(
    product: Product, tmp_path: Path, limit: str, code: int
) -> None:
    file, out, crystals = tmp_path / "tiny.yaml", tmp_path / "result.json", tmp_path / "wide.parquet"
    file.write_text(SCENARIO.replace("LIMIT", limit))
    _write_crystals_of_its_own(crystals)
    assert main([str(file), "--target", product.target, "--parquet", str(crystals), "--out", str(out)]) == code
    result = json.loads(out.read_text())
    assert result["phases"]["closed"]["structures_answered"] == 48
    assert [entry["verdict"] for entry in result["thresholds"]][-1] == "not judged"


def _write_crystals_of_its_own(path: Path) -> None:
    """The product has other tests' crystals in its cache, and these stretched by 2 % must be none of them."""
    wide = [scaled(structure, 1.1) for structure in corpus.crystals(None, 100)]
    pd.DataFrame({"structure": [structure_to_column(structure) for structure in wide]}).to_parquet(path)
