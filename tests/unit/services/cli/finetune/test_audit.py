import json
from pathlib import Path
from typing import Any

import finetune_server


def test_audit_says_what_a_job_would_find(finetune: Any, tmp_path: Path) -> None:
    rows = list(finetune_server.crystals(20))
    for row in rows[10:]:
        row["id"] = f"kcl-{row['id']}"
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
        "rows      20, 19 with tc_k, 16 usable crystals",
        "inputs    tc_dft: 20 values",
        "18 in domain, according to the base model",
        "row 3 (bad3): PARTIAL_OCCUPANCY: order the sites",
        "contradictory labels: 1",
        "row 4 (c4): NaCl is the same crystal as c5: labels 4 to 16",
        "same crystal, labels agree: 1",
        "row 19 (kcl-c19): label 900 is",
        "REPLICATES: rows 4, 5: one crystal (NaCl) has the labels 4, 16; 10 is learned",
        "enough for a job: 16 usable crystals",
    ):
        assert text in done.stdout
    document = json.loads(finetune("audit", "--data", "l.jsonl", "--column", "tc_k", "--json").stdout.splitlines()[-1])
    assert (document["n_usable"], document["is_enough"], len(document["refused"])) == (16, True, 1)


def test_audit_of_too_few_labels_says_how_many_are_missing(finetune: Any, tmp_path: Path) -> None:
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in finetune_server.crystals(7))
    done = finetune("audit", "--data", "l.jsonl", "--column", "tc_k")
    assert done.returncode == 1
    assert "too few for a job: 7 usable crystals, but a job needs at least 10: add 3" in done.stdout


def test_audit_of_polymers_has_their_verdicts_and_speaks_of_polymers(finetune: Any, tmp_path: Path) -> None:
    rows = [{"id": f"c{number}", "unit": f"*{'C' * (number + 1)}O*", "tg_K": 200.0 + number} for number in range(12)]
    rows[5]["id"] = "bad5"
    rows[3] |= {"unit": rows[2]["unit"], "tg_K": rows[2]["tg_K"]}
    rows[7] |= {"unit": rows[2]["unit"], "at": 2.0}
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps({"at": 1.0} | row) + "\n" for row in rows)
    done = finetune(
        "audit",
        "--data",
        "l.jsonl",
        "--column",
        "tg_K",
        "--condition",
        "at:MPa",
        "--polymer-column",
        "unit",
        "--unit",
        "K",
    )
    assert done.returncode == 1, done.stderr
    assert "rows      12, 12 with tg_K, 10 usable polymers" in done.stdout
    assert "same polymer, labels agree: 1" in done.stdout
    assert "row 2 (c2): NaCl is the same polymer as c3: labels 202 to 202" in done.stdout
    assert "row 5 (bad5): PARTIAL_OCCUPANCY" in done.stdout
    assert "11 in domain, according to the base model" in done.stdout
    # The small server calls all of them NaCl.
    assert "all 10 labels are of one polymer, NaCl" in done.stdout
    assert "crystal" not in done.stdout
