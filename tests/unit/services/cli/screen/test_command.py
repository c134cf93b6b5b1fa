import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

COLUMNS = [
    "id", "formula", "property", "value", "unit", "std", "epistemic_std", "lower", "upper", "coverage",
    "domain_score", "domain_verdict", "review", "review_rules", "review_reason", "model", "model_version",
    "cache_hit", "error_reason", "error_message", "repairs", "notes",
]  # fmt: skip


def test_all_answered_is_exit_code_0_and_a_table_in_input_order(
    run: Any, target: str, crystals_file: Any, tmp_path: Path
) -> None:
    done = run("screen", crystals_file(300), "--out", "r.parquet", "--target", target, "--chunk-size", 16)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "answered  300" in done.stderr
    assert "wrote     r.parquet (600 rows)" in done.stderr
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.column_names == COLUMNS
    assert table["id"].to_pylist() == [f"c{index}" for index in range(300) for _ in range(2)]
    assert table["property"].to_pylist()[:2] == ["formation_energy", "band_gap"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crystals.jsonl", "r.parquet"]


def test_some_refused_is_exit_code_3_with_a_row_and_a_reason_each(
    run: Any, target: str, crystals_file: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    crystals_file(20, "bad1", "bad2").rename(tmp_path / "in" / "a.jsonl")
    (tmp_path / "in" / "latin.cif").write_bytes(b"data_\xff\0")
    (tmp_path / "in" / "notes.txt").write_text("no structure")
    done = run("screen", "in", "--out", "r.csv", "--property", "band_gap", EPITAXY_TARGET=target)
    assert done.returncode == 3
    for line in ("answered  20", "refused   3", "2 PARTIAL_OCCUPANCY", "1 NOT_UTF8", "ignored   1 other files"):
        assert line in done.stderr
    table = pd.read_csv(tmp_path / "r.csv")
    refused = table[table["property"].isna()]
    assert list(refused["id"]) == ["bad1", "bad2", "latin"]
    assert list(refused["error_reason"]) == ["PARTIAL_OCCUPANCY", "PARTIAL_OCCUPANCY", "NOT_UTF8"]
    assert refused["value"].isna().all()
    assert len(table) == 23


def test_a_structure_lost_to_the_server_is_failed_and_not_refused(run: Any, target: str, crystals_file: Any) -> None:
    done = run("screen", crystals_file(3, "lost1"), "--out", "r.csv", "--target", target)
    assert done.returncode == 3
    assert "refused   0" in done.stderr
    assert "failed    1" in done.stderr


def test_the_three_kinds_of_table_hold_the_same(run: Any, target: str, crystals_file: Any, tmp_path: Path) -> None:
    crystals = crystals_file(10, "bad1")
    for name in ("r.parquet", "r.csv", "r.jsonl"):
        assert run("screen", crystals, "--out", name, "--target", target).returncode == 3
    parquet = pq.read_table(tmp_path / "r.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    text = pd.read_csv(tmp_path / "r.csv")
    assert lines == parquet
    assert text["value"].dropna().tolist() == [row["value"] for row in parquet if row["value"] is not None]
    assert list(text.columns) == COLUMNS


def test_the_ranking_goes_to_stdout_with_measurements_beside_it(
    run: Any, target: str, crystals_file: Any, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("id,band_gap_measured_ev\n" + "".join(f"c{i},{i}.25\n" for i in range(29)))
    options = ("--top", 5, "--sort", "band_gap", "--measured", "m.csv")
    done = run("screen", crystals_file(30), "--out", "r.parquet", "--target", target, *options)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "r.parquet").to_pandas()
    best = table[table["property"] == "band_gap"].sort_values("value", ascending=False).head(5)
    places = [done.stdout.index(f"│ {row_id} ") for row_id in best["id"]]
    assert places == sorted(places)
    assert f"{best['value'].iloc[0]:.3f}" in done.stdout
    assert f"{int(best['id'].iloc[0][1:])}.250" in done.stdout
    assert "90 % interval" in done.stdout
    assert "answered" not in done.stdout


def test_the_ranking_can_start_at_the_lowest(run: Any, target: str, crystals_file: Any, tmp_path: Path) -> None:
    options = ("--sort", "formation_energy", "--ascending", "--top", 1)
    done = run("screen", crystals_file(30), "--out", "r.parquet", "--target", target, *options)
    table = pq.read_table(tmp_path / "r.parquet").to_pandas()
    energies = table[table["property"] == "formation_energy"]
    assert energies.loc[energies["value"].idxmin(), "id"] in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.cif", "--out", "r.csv"), "no such file or folder: nowhere.cif"),
        (("empty", "--out", "r.csv"), "no structures in empty"),
        (("crystals.jsonl", "--out", "r.xlsx"), "must end in .parquet, .csv, .jsonl"),
        (("crystals.jsonl", "--out", "gone/r.csv"), "the folder gone does not exist"),
        (("crystals.jsonl",), "Missing option '--out'"),
        (("crystals.jsonl", "--out", "r.csv", "--coverage", "0.3"), "0.5"),
        (("crystals.jsonl", "--out", "r.csv", "--resume", "--restart"), "give only one of them"),
        (("crystals.jsonl", "--out", "r.csv", "--property", "hardness"), "it has formation_energy, band_gap"),
        (("crystals.jsonl", "--out", "r.csv", "--sort", "hardness"), "--sort hardness is not one of"),
        (("crystals.jsonl", "--out", "r.csv", "--measured", "crystals.jsonl"), "needs the columns id and"),
        (("crystals.jsonl", "--out", "r.csv", "--model", "a b"), "write NAME, NAME@ALIAS"),
    ],
)
def test_a_mistake_in_the_command_line_is_exit_code_2(
    run: Any, target: str, crystals_file: Any, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    crystals_file(1)
    (tmp_path / "empty").mkdir()
    done = run("screen", *arguments, "--target", target)
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not list(tmp_path.glob("r.*"))


def test_a_run_that_fails_is_exit_code_1_and_leaves_an_old_table_alone(
    run: Any, crystals_file: Any, tmp_path: Path
) -> None:
    (tmp_path / "r.csv").write_text("old")
    done = run("screen", crystals_file(1), "--out", "r.csv", "--target", "127.0.0.1:1")
    assert done.returncode == 1
    assert "start one with `epitaxy serve`" in done.stderr
    assert (tmp_path / "r.csv").read_text() == "old"
    assert not (tmp_path / "r.csv.journal").exists()


def test_an_unknown_model_is_exit_code_1_with_the_request_id(run: Any, target: str, crystals_file: Any) -> None:
    done = run("screen", crystals_file(1), "--out", "r.csv", "--target", target, "--model", "nacre")
    assert done.returncode == 1
    assert "no model 'nacre' (request " in done.stderr


def test_a_table_that_is_there_is_overwritten_and_is_no_input(
    run: Any, target: str, crystals_file: Any, tmp_path: Path
) -> None:
    crystals_file(5)
    first = run("screen", ".", "--out", "r.parquet", "--target", target)
    second = run("screen", ".", "--out", "r.parquet", "--target", target)
    assert (first.returncode, second.returncode) == (0, 0)
    assert pq.read_table(tmp_path / "r.parquet").num_rows == 10


@pytest.mark.parametrize(
    ("option", "substrate"),
    [
        ("--smiles-column", "substrate-molecule"),
        ("--polymer-column", "substrate-molecule"),
        ("--composition-column", "substrate-composition"),
    ],
)
def test_materials_without_a_model_ask_the_substrate_of_their_kind(
    run: Any, target: str, tmp_path: Path, option: str, substrate: str
) -> None:
    (tmp_path / "materials.csv").write_text("id,text\na,CCO\n")
    done = run("screen", "materials.csv", option, "text", "--out", "r.csv", "--target", target)
    # The small server has no such model.
    assert (done.returncode, f"no model '{substrate}'" in done.stderr) == (1, True), done.stderr
    named = run("screen", "materials.csv", option, "text", "--out", "r.csv", "--model", "film", "--target", target)
    assert named.returncode == 0, named.stderr
