import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from epitaxy.cli.inputs import inventory_of
from epitaxy_models.candidates.materials import AlloyGrid
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


def test_a_set_of_polymers_is_checked_and_its_other_spellings_are_left_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text("id,unit\na,*CCO*\nb,*OCC*\nc,*CC\nd,*CC(*)c1ccccc1\nd,*CCCCN*\n")
    done = run("candidates", "import", "set.csv", "--polymer-column", "unit", "--out", "pool.parquet", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["n_candidates"], told["n_dropped"], told["n_refused"]) == (3, {"DUPLICATE": 1}, 1)
    table = pq.read_table(tmp_path / "pool.parquet").to_pandas()
    assert list(table.columns) == ["id", "smiles", "formula"]
    assert list(table.id) == ["a", "d", "d#2"]
    assert "refused polymers to" in done.stderr
    assert (tmp_path / "pool.parquet.refused.csv").read_text().splitlines()[1].startswith("c,")
    # What was written is read again as it stands.
    again = run("candidates", "import", "pool.parquet", "--polymer-column", "smiles", "--out", "-")
    assert [json.loads(line)["smiles"] for line in again.stdout.splitlines()] == list(table.smiles)
    mistake = run("candidates", "import", "set.csv", "--polymer-column", "unit", "--new-only", "--out", "-")
    assert (mistake.returncode, "--new-only is for crystals" in mistake.stderr) == (2, True)


def test_a_grid_of_alloys_has_every_mixture_once(run: Run, tmp_path: Path) -> None:
    done = run("candidates", "compositions", "Al,Co,Ni", "--step", 20, "--low", 20, "--out", "grid.parquet")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "grid.parquet").to_pandas()
    # Steps of 20 at. %: three parts of at least one that add up to five.
    assert sorted(table.id) == sorted(
        ["Al20Co20Ni60", "Al20Co40Ni40", "Al20Co60Ni20", "Al40Co20Ni40", "Al40Co40Ni20", "Al60Co20Ni20"]
    )
    assert set(table.columns) == {"id", "composition", "formula"}
    assert AlloyGrid(("Al", "Co", "Ni"), 5, 5, 35, 2).count() == len(
        list(AlloyGrid(("Al", "Co", "Ni"), 5, 5, 35, 2).candidates())
    )
    for arguments, words in {
        ("Al,Co,Cr,Fe,Ni,Cu,Mn,Ti", "--step", "1", "--low", "1"): "more than --limit 100,000",
        ("Al,Zz",): "two or more different elements: Zz",
        ("Al,Co", "--step", "3"): "does not divide 100",
    }.items():
        done = run("candidates", "compositions", *arguments, "--out", "grid.parquet")
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
