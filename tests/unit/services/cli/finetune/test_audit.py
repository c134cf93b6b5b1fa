import json
from pathlib import Path
from typing import Any

import finetune_server


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
        "rows      20, 19 with tc_k, 15 usable crystals",
        "inputs    tc_dft: 20 values",
        "18 in domain, according to the base model",
        "row 3 (bad3): PARTIAL_OCCUPANCY: order the sites",
        "contradictory labels: 1",
        "row 4 (c4): NaCl is the same crystal as c5: labels 4 to 16",
        "same crystal, labels agree: 1",
        "row 19 (c19): label 900 is",
        "enough for a job: 15 usable crystals",
    ):
        assert text in done.stdout
    document = json.loads(finetune("audit", "--data", "l.jsonl", "--column", "tc_k", "--json").stdout.splitlines()[-1])
    assert (document["n_usable"], document["is_enough"], len(document["refused"])) == (15, True, 1)


def test_audit_of_too_few_labels_says_how_many_are_missing(finetune: Any, tmp_path: Path) -> None:
    with (tmp_path / "l.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in finetune_server.crystals(7))
    done = finetune("audit", "--data", "l.jsonl", "--column", "tc_k")
    assert done.returncode == 1
    assert "too few for a job: 7 usable crystals, but a job needs at least 10: add 3" in done.stdout
