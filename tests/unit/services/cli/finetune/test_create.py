import json
import signal
from pathlib import Path
from typing import Any

import finetune_server
import pytest
from label_commands import create


def test_create_and_wait_with_json_ends_stdout_with_one_object(finetune: Any, labels: Path) -> None:
    done = finetune(*create(labels, "--low-fidelity", "tc_dft:PBE:0.1", "--transform", "none", "--wait", "--json"))
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    document = json.loads(line)
    assert document["job_id"].startswith("ft-")
    told = {name: document[name] for name in ("state", "model", "version", "verdict", "strategy", "is_calibrated")}
    assert told == {
        "state": "SUCCEEDED", "model": "my-tc", "version": "1", "verdict": "HELPS", "strategy": "median",
        "is_calibrated": True,
    }  # fmt: skip
    assert document["cross_validated_mae"] == pytest.approx({"median": 7.5, "zero": 14.5})
    assert document["failure"] is None
    assert "labels    30 of 30 rows have one" in done.stderr
    assert "evaluating  75%  judging" in done.stderr


def test_create_without_waiting_says_the_job_and_watch_brings_its_end(finetune: Any, labels: Path, rig: Any) -> None:
    made = finetune(*create(labels, name="held-a"))
    assert made.returncode == 0, made.stderr
    job_id = made.stdout.split()[1]
    assert f"epitaxy finetune watch {job_id}" in made.stderr
    rig.gates.released.set()
    watched = finetune("watch", job_id)
    assert watched.returncode == 0, watched.stderr
    assert "training    25%  fitting [block_gp]" in watched.stderr
    assert "held-a:1  tc, 30 labelled rows: transfer HELPS, best strategy median, calibrated" in watched.stdout
    assert "epitaxy finetune report held-a:1 --open" in watched.stderr
    events = [json.loads(line) for line in finetune("watch", "held-a", "--json").stdout.splitlines()]
    assert [event["state"] for event in events][-2:] == ["SUCCEEDED", "SUCCEEDED"]
    assert events[-1]["job_id"] == job_id
    assert events[1]["metrics"] == {}


def test_an_interrupted_wait_leaves_the_job_running(
    start: Any, finetune: Any, settings: Any, labels: Path, rig: Any
) -> None:
    process = start("finetune", *create(labels, "--wait", name="held-int"), **settings)
    for line in process.stderr:
        if line.startswith("training"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (130, "")
    assert "the job continues; to watch it: epitaxy finetune watch ft-" in err
    (job,) = [json.loads(line) for line in finetune("list", "--json").stdout.splitlines()]
    assert job["state"] == "TRAINING"
    assert finetune("cancel", "held-int").stdout == f"job {job['job_id']} CANCELLED\n"
    assert finetune("watch", "held-int").returncode == 1


def test_a_failed_job_is_exit_code_1_with_its_remedy(finetune: Any, labels: Path) -> None:
    done = finetune(*create(labels, "--wait", "--json", name="broken-one"))
    assert done.returncode == 1
    document = json.loads(done.stdout.splitlines()[-1])
    assert (document["state"], document["version"], document["cross_validated_mae"]) == ("FAILED", None, {})
    assert document["failure"]["reason"] == "TOO_FEW_USABLE_LABELS"
    assert "epitaxy: TOO_FEW_USABLE_LABELS: 3 usable labels: add 7" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--column": "tc"}, "no column 'tc', only id, structure, tc_k, tc_dft"),
        ({"--data": "none.parquet"}, "no such file or folder: none.parquet"),
        ({"--low-fidelity": "tc_dft:B3LYP"}, "'B3LYP' is not a fidelity"),
        ({"--transform": "sqrt"}, "'sqrt' is not one of"),
    ],
)
def test_mistakes_are_exit_code_2_and_make_no_job(finetune: Any, labels: Path, change: Any, message: str) -> None:
    arguments = list(create(labels))
    for name, value in change.items():
        arguments += [name, value]
    done = finetune(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert finetune("list", "--json").stdout == ""


def test_a_bad_cell_is_named_with_its_row_and_a_bad_structure_can_be_skipped(finetune: Any, tmp_path: Path) -> None:
    rows = list(finetune_server.crystals(15))
    rows[4]["structure"] = None
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    refused = finetune(*create("l.jsonl"))
    assert refused.returncode == 2
    assert "line 5 (c4): the row has no structure; fill it or drop the row" in refused.stderr
    made = finetune(*create("l.jsonl", "--skip-refused", "--json"))
    assert json.loads(made.stdout)["n_rows"] == 14
    (tmp_path / "l.csv").write_text("id,structure,tc_k\na,x,cold\n")
    bad = finetune(*create("l.csv"))
    assert bad.returncode == 2
    assert "line 2 (a): tc_k holds 'cold', which is not a number" in bad.stderr


def test_what_the_server_refuses_is_exit_code_1_with_its_words(finetune: Any, labels: Path) -> None:
    done = finetune(*create(labels, name="My Model"))
    assert done.returncode == 1
    assert "a model name is 1 to 63 of a-z" in done.stderr


def test_a_unit_that_does_not_exist_is_refused(finetune: Any, labels: Path) -> None:
    command = [part if part != "K" else "Kelwin" for part in create(labels)]
    refused = finetune(*command)
    assert refused.returncode != 0
    assert "'Kelwin' is not a known unit" in refused.stderr
