import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import finetune_server
import pandas as pd
import pytest

_tenants = (f"cli-{number}" for number in count())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with finetune_server.serving_finetune(tmp_path_factory.mktemp("finetune")) as (target, rig):
        yield target, rig


@pytest.fixture
def rig(served: tuple[str, Any]) -> Iterator[Any]:
    served[1].gates.released.clear()
    yield served[1]
    served[1].gates.released.set()


@pytest.fixture
def settings(served: tuple[str, Any], rig: Any) -> dict[str, str]:
    """Server and a tenant of the test's own."""
    return {"EPITAXY_TARGET": served[0], "EPITAXY_API_KEY": next(_tenants)}


@pytest.fixture
def finetune(run: Any, settings: dict[str, str]) -> Callable[..., Any]:
    return lambda *arguments, **more: run("finetune", *arguments, **(settings | more))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    rows = [row | {"structure": json.dumps(row["structure"])} for row in finetune_server.crystals(30)]
    pd.DataFrame(rows).to_parquet(tmp_path / "labels.parquet")
    return tmp_path / "labels.parquet"


def create(labels: object, *more: object, name: str = "my-tc") -> tuple[object, ...]:
    return ("create", "--data", labels, "--column", "tc_k", "--unit", "K", "--name", name, *more)


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
    assert "labels    30 of 30 rows" in done.stderr
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
    assert "held-a:1  tc, 30 labels: transfer HELPS, serves median, calibrated" in watched.stdout
    assert f"epitaxy finetune report {job_id} --open" in watched.stderr
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
    assert "the job goes on; see it with: epitaxy finetune watch ft-" in err
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
    assert "row 4 (c4): the row has no structure; fill it or drop the row" in refused.stderr
    made = finetune(*create("l.jsonl", "--skip-refused", "--json"))
    assert json.loads(made.stdout)["n_rows"] == 14
    (tmp_path / "l.csv").write_text("id,structure,tc_k\na,x,n/a\n")
    bad = finetune(*create("l.csv"))
    assert bad.returncode == 2
    assert "row 0 (a): tc_k holds 'n/a', which is not a number" in bad.stderr


def test_what_the_server_refuses_is_exit_code_1_with_its_words(finetune: Any, labels: Path) -> None:
    done = finetune(*create(labels, name="My Model"))
    assert done.returncode == 1
    assert "a model name is 1 to 63 of a-z" in done.stderr


def test_reports_are_printed_written_and_opened(finetune: Any, labels: Path, tmp_path: Path) -> None:
    made = json.loads(finetune(*create(labels, "--wait", "--json")).stdout.splitlines()[-1])
    printed = finetune("report", made["job_id"])
    assert printed.returncode == 0, printed.stderr
    for text in (
        "Transfer helps by half.",
        "29 crystals to learn from, of 30 rows",
        "refused r7: overlapping [atoms]",
        "1 twin",
        "forecast to be: NEUTRAL",
        "All elements are known.",
        "worst cases",
    ):
        assert text in printed.stdout
    assert json.loads(finetune("report", "my-tc", "--json").stdout)["verdict"]["chosen"] == "median"
    assert finetune("report", "my-tc", "--out", "r.html").returncode == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    opened = finetune("report", "my-tc", "--open", "--out", "o.html", BROWSER=f"{browser} %s")
    assert opened.returncode == 0, opened.stderr
    assert (tmp_path / "opened").read_text().strip() == (tmp_path / "o.html").as_uri()
    assert finetune("report", "my-tc", "--out", "none/r.html").returncode == 2
    assert "no such job" in finetune("report", "other").stderr


def test_promote_and_rollback_say_what_serves(finetune: Any, labels: Path) -> None:
    for _ in range(2):
        assert finetune(*create(labels, "--wait", name="hurts-me")).returncode == 0
    refused = finetune("promote", "hurts-me")
    assert refused.returncode == 1
    assert "transfer HURTS it" in refused.stderr
    promoted = finetune("promote", "hurts-me:1", "--override", "a comparison")
    assert promoted.stdout == "hurts-me serves version 1\n"
    served_as = re.search(r"--model (\S+)", promoted.stderr).group(1)
    assert re.fullmatch(r"[a-z0-9-]+/hurts-me", served_as)
    second = finetune("promote", "hurts-me", "--override", "another", "--json")
    told = {"model": "hurts-me", "version": "2", "previous_version": "1", "served_as": served_as}
    assert json.loads(second.stdout) == told
    back = finetune("rollback", "hurts-me", "--reason", "worse")
    assert back.stdout == "hurts-me serves version 1, version 2 until now\n"
    assert finetune("rollback", "hurts-me").returncode == 1


def test_a_policy_is_set_by_name_and_stands_in_the_log_with_all_else_that_was_decided(
    finetune: Any, labels: Path, settings: Any
) -> None:
    finetune(*create(labels, "--wait", name="judged"))
    finetune("promote", "judged")
    wanted = ("--max-width", 4.5, "--coverage", 0.8, "--max-domain-score", 0.97, "--out-of-domain", "reject")
    done = finetune("policy", "judged", *wanted, "--forbid", "Pb,Cd", "--reason", "RoHS")
    assert done.stdout == (
        "judged: tc intervals wider than 4.5 at 80 % to review; domain scores above 0.97 to review; "
        "out of domain rejected; Cd, Pb rejected\n"
    )
    again = json.loads(finetune("policy", "judged", "--forbid", "Hg", "--json").stdout)
    assert again == {
        "max_interval_width": {}, "interval_coverage": 0.9, "max_domain_score": None, "out_of_domain": "REVIEW",
        "forbidden_elements": [80],
    }  # fmt: skip
    entries = [json.loads(line) for line in finetune("log", "--json").stdout.splitlines()]
    assert [entry["action"] for entry in entries] == ["POLICY", "POLICY", "PROMOTE"]
    assert [entry["reason"] for entry in entries] == ["", "RoHS", ""]
    assert all(entry["digest"].startswith("sha256:") and entry["request_id"] and entry["create_time"] for entry in entries)
    assert len({entry["digest"] for entry in entries}) == 3
    assert [line.split()[2] for line in finetune("log", "--limit", 2).stdout.splitlines()[1:]] == ["POLICY"] * 2
    assert finetune("log", "--model", "nothing", "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nothing", "--max-width", 1), 2, "no job made a model named 'nothing'"),
        (("nothing", "--forbid", "Xx"), 2, "'Xx' is no element"),
        (("nothing", "--out-of-domain", "ignore"), 2, "--out-of-domain takes accept, review, reject"),
        (("nothing", "--forbid", "Pb"), 1, "no model named"),
    ],
)
def test_a_policy_that_cannot_be_set_says_why(finetune: Any, arguments: Any, code: int, message: str) -> None:
    refused = finetune("policy", *arguments)
    assert refused.returncode == code
    assert message in refused.stderr


def test_list_shows_jobs_latest_first(finetune: Any, labels: Path) -> None:
    for name in ("first", "second"):
        finetune(*create(labels, "--wait", name=name))
    listed = finetune("list").stdout
    assert listed.index("second:1") < listed.index("first:1")
    assert "HELPS" in listed
    assert len(finetune("list", "--limit", 1, "--json").stdout.splitlines()) == 1
    assert json.loads(finetune("list", "--model", "first", "--json").stdout)["model"] == "first"


def test_deletion_asks_first(finetune: Any, settings: Any, labels: Path) -> None:
    finetune(*create(labels, "--wait"))
    asked = finetune("delete-data")
    assert asked.returncode == 2
    assert "pass --yes where nobody can answer" in asked.stderr
    assert answered(settings, "no\n") == 2
    assert json.loads(finetune("list", "--json").stdout)["state"] == "SUCCEEDED"
    assert answered(settings, "delete\n") == 0
    assert finetune("list", "--json").stdout == ""
    assert finetune("delete-data", "--yes").stdout == "deleted 0 jobs and 0 models\n"


def answered(settings: dict[str, str], answer: str) -> int:
    """Exit code of the deletion where somebody at a terminal answers."""
    outer, inner = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EPITAXY_")} | settings
    program = "from epitaxy.cli.main import main; main()"
    command = [sys.executable, "-c", program, "finetune", "delete-data"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=inner, stdout=pipe, stderr=pipe, env=environment) as process:
        os.write(outer, answer.encode())
        process.communicate(timeout=200)
    os.close(outer)
    os.close(inner)
    return process.returncode


def test_audit_says_what_a_job_would_find(finetune: Any, tmp_path: Path) -> None:
    rows = list(finetune_server.crystals(20))
    rows[3]["id"] = "bad3"
    rows[5]["structure"] = rows[4]["structure"]
    rows[7]["structure"] = rows[6]["structure"]
    rows[5]["tc_k"], rows[7]["tc_k"], rows[19]["tc_k"] = 16.0, 6.0, 900.0
    rows[8]["tc_k"] = None
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    done = finetune("audit", "--data", "l.jsonl", "--column", "tc_k", "--low-fidelity", "tc_dft:PBE")
    assert done.returncode == 3, done.stderr
    for text in (
        "rows      20, 19 with tc_k, 15 crystals to learn from",
        "inputs    tc_dft: 20 values",
        "18 in domain of the base model",
        "row 3 (bad3): PARTIAL_OCCUPANCY: order the sites",
        "contradictory labels: 1",
        "row 4 (c4): NaCl is the same crystal as c5: labels 4 to 16",
        "same crystal, labels agree: 1",
        "row 19 (c19): label 900 is",
        "enough for a job: 15 labelled crystals",
    ):
        assert text in done.stdout
    document = json.loads(finetune("audit", "--data", "l.jsonl", "--column", "tc_k", "--json").stdout.splitlines()[-1])
    assert (document["n_usable"], document["is_enough"], len(document["refused"])) == (15, True, 1)


def test_audit_of_too_few_labels_says_how_many_are_missing(finetune: Any, tmp_path: Path) -> None:
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in finetune_server.crystals(7))
    done = finetune("audit", "--data", "l.jsonl", "--column", "tc_k")
    assert done.returncode == 1
    assert "too few for a job: 7 labelled crystals, and 10 are the least: add 3" in done.stdout


def test_screen_and_predict_take_known_columns_and_tenant_models(
    run: Any, target: str, tmp_path: Path, faults: Any
) -> None:
    rows = [row | {"gap": "x" if row["id"] == "c1" else 1.0} for row in finetune_server.crystals(3)]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    screened = run("screen", "l.jsonl", "--out", "r.jsonl", "--known-column", "gap,tc_k", "--target", target)
    assert screened.returncode == 3, screened.stderr
    assert "1 INVALID_KNOWN_VALUE" in screened.stderr
    predicted = run("predict", "l.jsonl", "--known-column", "gap", "--json", "--target", target)
    reasons = [(json.loads(line)["error"] or {}).get("reason") for line in predicted.stdout.splitlines()]
    assert reasons == [None, "INVALID_KNOWN_VALUE", None]
    missing = run("screen", "l.jsonl", "--out", "m.jsonl", "--model", "acme/my-tc@champion", "--target", target)
    assert missing.returncode == 1
    assert "no model 'acme/my-tc'" in missing.stderr
