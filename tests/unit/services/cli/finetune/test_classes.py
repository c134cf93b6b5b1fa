import json
from pathlib import Path
from typing import Any

import finetune_server


def _table(folder: Path, *, as_numbers: bool) -> str:
    rows = list(finetune_server.crystals(20))
    with (folder / "c.jsonl").open("w") as file:
        for number, row in enumerate(rows):
            label = number % 3 == 0
            kept = {"id": row["id"], "structure": row["structure"], "is_sc": int(label) if as_numbers else label}
            file.write(json.dumps(kept) + "\n")
    return "c.jsonl"


def test_classes_need_no_unit_and_numbers_need_the_task(finetune: Any, tmp_path: Path) -> None:
    table = _table(tmp_path, as_numbers=False)
    asked = ("create", "--column", "is_sc", "--name", "my-sc", "--json", "--data")
    made = finetune(*asked, table)
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert (document["task"], document["unit"], document["property"]) == ("classification", "1", "is_sc")
    audited = finetune("audit", "--column", "is_sc", "--data", table)
    assert "labels    7 are 1 and 13 are 0: classification" in audited.stdout, audited.stderr
    assert "outlying" not in audited.stdout
    table = _table(tmp_path, as_numbers=True)
    silent = finetune(*asked, table)
    assert silent.returncode == 2
    assert "no unit is given" in silent.stderr
    assert "--task classification gives a probability" in silent.stderr
    told = finetune(*asked, table, "--task", "classification")
    assert json.loads(told.stdout)["task"] == "classification", told.stderr
    odd = finetune(*asked, table, "--task", "classification", "--unit", "K", "--transform", "log10")
    assert odd.returncode == 2
    assert "cannot have the unit K and the transform log10" in " ".join(odd.stderr.split())
