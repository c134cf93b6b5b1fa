"""Cheaper values through the command on the whole running stack: several columns, empty cells, rows without a label."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from product import Product

from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.tenant_model import unlabelled_structures, volumes

pytestmark = pytest.mark.stack

N_LABELS, N_UNLABELLED, N_CANDIDATES = 24, 8, 6


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Labels with noise that no structure tells but the cheaper columns do, and candidates."""
    folder = tmp_path_factory.mktemp("fidelities")
    structures = unlabelled_structures(N_LABELS + N_UNLABELLED + N_CANDIDATES)
    truth = volumes(structures) + 30 * np.random.default_rng(0).normal(size=len(structures))
    rows = [
        {"id": f"x{number}", "structure": structure_to_column(structure), "rough": 0.9 * value, "fine": value + 0.1}
        for number, (structure, value) in enumerate(zip(structures, truth.tolist(), strict=True))
    ]
    learned, candidates = rows[:-N_CANDIDATES], rows[-N_CANDIDATES:]
    for number, row in enumerate(learned):
        row["measured"] = float(truth[number]) if number < N_LABELS else None
        row["rough"] = None if number % 4 == 0 else row["rough"]
        row["fine"] = None if number % 3 == 0 else row["fine"]
    for number, row in enumerate(candidates):
        row["rough"] = row["rough"] if number % 2 == 0 else None
    return _write(folder / "labels.jsonl", learned), _write(folder / "candidates.jsonl", candidates)


def _run(product: Product, key: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "epitaxy.cli", *arguments, "--target", product.target]
    environment = {**os.environ, "EPITAXY_API_KEY": key}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_cells_of_cheaper_columns_may_be_empty_in_labels_and_candidates(
    tenant_product: Product, keys: dict[str, str], tables: tuple[Path, Path], tmp_path: Path
) -> None:
    labels, candidates = map(str, tables)
    create = ["--data", labels, "--column", "measured", "--unit", "A^3", "--name", "two-levels", "--json"]
    columns = ["--low-fidelity", "rough:PBE:1", "--low-fidelity", "fine:HSE06:20", "--cost", "100"]
    made = _run(
        tenant_product, keys["acme"], "finetune", "create", *create, *columns, "--strategy", "block_gp", "--wait"
    )
    assert json.loads(made.splitlines()[-1])["state"] == "SUCCEEDED"
    report = json.loads(_run(tenant_product, keys["acme"], "finetune", "report", "two-levels", "--json"))
    by_name = {row["column"]: row for row in report["fidelities"]["columns"]}
    assert (by_name["rough"]["fidelity"], by_name["rough"]["cost"], by_name["fine"]["cost"]) == ("PBE", 1.0, 20.0)
    assert by_name["rough"]["n_values"] > by_name["rough"]["n_known"] > 0

    _run(tenant_product, keys["acme"], "finetune", "promote", "two-levels", "--override", "a test")
    out = tmp_path / "ranked.jsonl"
    screen = ["screen", candidates, "--out", str(out), "--model", "two-levels", "--known-column", "rough"]
    _run(tenant_product, keys["acme"], *screen)
    answered = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    given = {row["id"]: row["rough"] for row in map(json.loads, Path(candidates).read_text().splitlines())}
    assert answered.keys() == given.keys()
    widths = {name: row["upper"] - row["lower"] for name, row in answered.items()}
    known = [name for name, value in given.items() if value is not None]
    unknown = [name for name, value in given.items() if value is None]
    assert max(widths[name] for name in known) < min(widths[name] for name in unknown)
