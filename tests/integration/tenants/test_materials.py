"""Materials without a crystal on the whole running stack: answers, a screening, a polymers' job and its model."""

import json
from pathlib import Path

import pandas as pd
import pytest
from product import Product, eventually
from tenant_command import Command

from epitaxy.client import Client, composition, molecule, polymer

pytestmark = pytest.mark.stack
# A glass transition that rises with the length of the unit, as far as any model is to learn here.
UNITS = [f"*{'C' * length}{end}*" for length in range(1, 9) for end in ("O", "S", "C(=O)N")]


def test_molecules_and_a_mixed_message_are_answered_by_the_substrates_of_their_kinds(
    tenant_product: Product, keys: dict[str, str], tmp_path: Path
) -> None:
    run = Command(tenant_product, keys["acme"], tmp_path)
    told = [json.loads(line) for line in run.succeed("predict", "CCO", "--json").stdout.splitlines()]
    assert {entry["property"] for entry in told[0]["predictions"]} >= {"melting_point", "log_partition"}
    given = [molecule("OCC"), composition("Fe2O3"), polymer("*CC(*)c1ccccc1"), molecule("[Na+].[Cl-]")]
    with Client(tenant_product.target, api_key=keys["acme"]) as client:
        results = list(client.predict(given))
    assert [result.error.reason if result.error else None for result in results] == [None, None, None, "SALT"]
    assert results[0].cache_hit, "the command asked for ethanol a moment ago"

    asked = pd.DataFrame({"id": ["a", "b", "c"], "smiles": ["CCO", "CCCCCCCCCCCC", "C("]})
    asked.to_csv(tmp_path / "m.csv", index=False)
    screened = run("screen", "m.csv", "--smiles-column", "smiles", "--out", "m.jsonl", "--property", "melting_point")
    assert screened.returncode == 3, screened.stderr
    table = pd.read_json(tmp_path / "m.jsonl", lines=True).set_index("id")
    assert table["model"].iloc[0] == "substrate-molecule"
    assert table.loc["c", "error_reason"] == "UNREADABLE_SMILES"
    assert table.loc["b", "value"] == pytest.approx(264, abs=30), "dodecane melts at 263.6 K"


def test_a_job_on_polymers_makes_a_model_that_answers_polymers(
    tenant_product: Product, keys: dict[str, str], tmp_path: Path
) -> None:
    run = Command(tenant_product, keys["acme"], tmp_path)
    labels = pd.DataFrame({"unit": UNITS, "tg": [200.0 + 9 * len(unit) for unit in UNITS]})
    labels.to_csv(tmp_path / "tg.csv", index=False)
    run.succeed(
        "finetune", "create", "--data", "tg.csv", "--polymer-column", "unit", "--column", "tg", "--unit", "K",
        "--name", "glass", "--strategy", "block_gp", "--wait", "--json",
    )  # fmt: skip
    run.succeed("finetune", "promote", "glass", "--override", "a test")
    # Replicas look up the aliases every few seconds.
    assert eventually(lambda: run("models", "show", "glass").returncode == 0, seconds=60)
    labels.head(5).drop(columns="tg").to_csv(tmp_path / "ask.csv", index=False)
    run.succeed("screen", "ask.csv", "--polymer-column", "unit", "--out", "tg.jsonl", "--model", "glass")
    answered = pd.read_json(tmp_path / "tg.jsonl", lines=True)
    assert (answered["value"] - labels["tg"].head(5)).abs().max() < 40
    refused = run("predict", "CCO", "--model", "glass", "--json")
    assert "NO_SUBSTRATE_FOR_KIND" in refused.stdout + refused.stderr
