"""``--refused``: what was refused comes back in the form in which it came, and can be mended and sent again."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

# The server of these tests refuses structures whose id begins with "bad".
CRYSTAL = {"lattice": [[3.5, 0, 0], [0, 3.5, 0], [0, 0, 3.5]], "species": [11], "frac": [[0, 0, 0]]}
POSCAR = "NaCl\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"


def frame_of(names: list[str]) -> pd.DataFrame:
    structures = [
        json.dumps(CRYSTAL | {"lattice": [[3 + row / 100, 0, 0], [0, 3, 0], [0, 0, 3]]}) for row in range(len(names))
    ]
    return pd.DataFrame({"run": names, "structure": structures, "energy": range(len(names)), "tag": "x"})


def write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".csv":
        return list(pd.read_csv(path).to_dict("records"))
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_refused_rows_keep_their_columns_and_can_be_sent_again(
    run: Any, target: str, tmp_path: Path, ending: str
) -> None:
    frame = frame_of(["a", "bad1", "b", "bad2"])
    write(frame, tmp_path / f"in.{ending}")
    done = run(
        "screen",
        f"in.{ending}",
        "--id-column",
        "run",
        "--out",
        "r.csv",
        "--refused",
        f"no.{ending}",
        "--target",
        target,
    )
    assert done.returncode == 3, done.stderr
    assert f"wrote     no.{ending} (2 refused inputs)" in done.stderr
    refused = read(tmp_path / f"no.{ending}")
    expected = frame.iloc[[1, 3]].to_dict("records")
    assert [{name: row[name] for name in frame.columns} for row in refused] == expected
    assert [row["error_reason"] for row in refused] == ["PARTIAL_OCCUPANCY"] * 2
    assert all(row["error_message"] for row in refused)

    mended = pd.DataFrame(refused)
    mended["run"] = ["c", "bad3"]
    write(mended, tmp_path / f"no.{ending}")
    options = ("--id-column", "run", "--refused", f"no2.{ending}", "--target", target)
    again = run("screen", f"no.{ending}", "--out", "r2.csv", *options)
    assert again.returncode == 3, again.stderr
    assert set(pd.read_csv(tmp_path / "r2.csv")["id"]) == {"c", "bad3"}
    assert [row["run"] for row in read(tmp_path / f"no2.{ending}")] == ["bad3"]


def test_refused_files_come_back_with_their_name_and_text(run: Any, target: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("POSCAR_ok", "bad.vasp"):
        (tmp_path / "in" / name).write_text(POSCAR)
    (tmp_path / "in" / "plot.cif").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    frames = '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nNa 0 0 0\n'
    (tmp_path / "in" / "bad_md.xyz").write_text(frames * 2)
    done = run("screen", "in", "--out", "r.csv", "--refused", "no.jsonl", "--target", target)
    assert done.returncode == 3, done.stderr
    rows = {row["id"]: row for row in read(tmp_path / "no.jsonl")}
    assert set(rows) == {"bad", "bad_md/0", "bad_md/1", "plot"}
    assert rows["bad"]["structure"] == POSCAR
    assert rows["bad"]["file"] == "in/bad.vasp"
    assert rows["bad_md/1"]["structure"] == frames
    assert rows["plot"]["structure"] is None
    assert rows["plot"]["error_reason"] == "NOT_UTF8"
    again = run("validate", "no.jsonl", "--target", target, "--json")
    assert [json.loads(line)["id"] for line in again.stdout.splitlines()] == list(rows)


def test_a_run_without_refusals_writes_the_columns_alone(run: Any, target: str, tmp_path: Path) -> None:
    write(frame_of(["a", "b"]), tmp_path / "in.csv")
    options = ("--out", "r.csv", "--refused", "no.csv", "--target", target)
    assert run("screen", "in.csv", *options).returncode == 0
    assert (tmp_path / "no.csv").read_text().strip() == "id,structure,error_reason,error_message"


def test_ids_by_number_are_kept_in_the_refused_rows(run: Any, target: str, tmp_path: Path) -> None:
    frame = frame_of(["a", "b"]).drop(columns="run")
    frame["structure"] = ["nothing", frame["structure"][1]]
    write(frame, tmp_path / "in.csv")
    done = run("predict", "in.csv", "--refused", "no.csv", "--target", target)
    assert done.returncode == 3, done.stderr
    assert [row["id"] for row in read(tmp_path / "no.csv")] == ["in/0"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("no.txt", "must end in .parquet, .csv, .jsonl"), ("none/no.csv", "does not exist"), ("r.csv", "the same file")],
)
def test_a_file_that_cannot_be_written_is_a_mistake_of_the_command(
    run: Any, target: str, tmp_path: Path, name: str, message: str
) -> None:
    write(frame_of(["a"]), tmp_path / "in.csv")
    done = run("screen", "in.csv", "--out", "r.csv", "--refused", name, "--target", target)
    assert done.returncode == 2
    assert message in done.stderr


def test_repeated_ids_and_ignored_files_are_told(run: Any, target: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(frame_of(["a", "a", "b"]).rename(columns={"run": "id"}), tmp_path / "in" / "t.jsonl")
    (tmp_path / "in" / "OUTCAR").write_text("x")
    (tmp_path / "in" / "dos.png").write_bytes(b"\x89PNG\r\n")
    done = run("screen", "in", "--out", "r.csv", "--target", target)
    assert done.returncode == 0, done.stderr
    assert "1 repeated id (a): every structure keeps its row" in done.stderr
    assert "ignored   2 other files" in done.stderr
    assert "OUTCAR (no ending)" in done.stderr
    assert "dos.png (a PNG image)" in done.stderr
    assert len(pd.read_csv(tmp_path / "r.csv")) == 6
