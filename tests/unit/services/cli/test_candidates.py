import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from epitaxy.cli.inputs import inventory_of
from epitaxy_models.data.crystals.builder import write_cifs

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def cifs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NaCl and copper."""
    folder = tmp_path_factory.mktemp("cifs")
    for path in write_cifs(folder):
        if path.stem not in ("NaCl-rock_salt", "Cu-fcc"):
            path.unlink()
    (folder / "measurements.csv").unlink()
    return folder


def test_candidates_go_from_a_folder_through_a_table_into_a_second_pass(run: Run, cifs: Path, tmp_path: Path) -> None:
    done = run("candidates", "substitute", cifs, "--out", "made.parquet", "--limit", 20, "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["n_candidates"] == 20
    assert told["refused"] == {"NO_OXIDATION_STATES": 1}
    table = pq.read_table(tmp_path / "made.parquet").to_pandas()
    assert list(table.formula[:2]) == ["NaF", "KCl"]
    assert set(table.source_id) == {"NaCl-rock_salt"}
    assert told["n_known"] == table.is_known.sum()
    assert "Cu-fcc,NO_OXIDATION_STATES," in (tmp_path / "made.parquet.refused.csv").read_text()
    # What was made is read as any table is; its copies are its own rows.
    again = run("candidates", "import", "made.parquet", "--out", "again.jsonl", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["n_candidates"] == 20
    rows = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(table.id)


def test_mistakes_are_found_before_anything_is_read(run: Run, cifs: Path) -> None:
    for arguments, words in {
        ("--out", "made.csv"): "must end in .parquet, .jsonl, or be -",
        ("--out", "-", "--json"): "both print to stdout",
        ("--out", "made.parquet", "--without", "Zz"): "no elements: Zz",
        ("--out", "made.parquet", "--threshold", "2"): "between 0 and 1",
    }.items():
        done = run("candidates", "substitute", cifs, *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_a_pipe_is_read_as_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b'{"id": "a", "structure": {"lattice": [[3,0,0],[0,3,0],[0,0,3]], "species": [11], "frac": [[0,0,0]]}}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines * 3)))
    inventory = inventory_of([Path("-")])
    assert inventory.count() == 3
    assert [name for name, _ in inventory.read()] == ["a", "a", "a"]
