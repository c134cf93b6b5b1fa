import json
from pathlib import Path
from typing import Any

import finetune_server


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
