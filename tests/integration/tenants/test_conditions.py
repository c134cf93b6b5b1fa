"""Conditions on the whole running stack, by the command: labels, job, promotion, candidates, measurements."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from product import Product, eventually
from tenant_command import Command

from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.tenant_model import labelled_structures, unlabelled_structures, volumes

pytestmark = pytest.mark.stack
N_CRYSTALS = 12


def law(volume: np.ndarray, temperature: np.ndarray, route: np.ndarray) -> np.ndarray:
    """A synthetic law: crystals expand, and one route leaves pores."""
    return volume * (1 + 4e-4 * (temperature - 300)) + 2.0 * (route == "flux")


def table(structures: list[Any], temperature: np.ndarray, route: np.ndarray) -> pd.DataFrame:
    cells = [structure_to_column(structure) for structure in structures]
    ids = [f"row-{number}" for number in range(len(cells))]
    return pd.DataFrame({"id": ids, "structure": cells, "temperature": temperature, "route": route})


def test_a_model_of_labels_under_conditions_answers_for_the_conditions_of_each_candidate(
    tenant_product: Product, keys: dict[str, str], tmp_path: Path
) -> None:
    run = Command(tenant_product, keys["acme"], tmp_path)
    random = np.random.default_rng(4)
    structures = [structure for structure in labelled_structures()[:N_CRYSTALS] for _ in range(3)]
    temperature = random.uniform(300, 900, len(structures))
    route = random.choice(np.array(["flux", "sol-gel"], dtype=object), len(structures))
    labels = table(structures, temperature, route).assign(v=law(volumes(structures), temperature, route))
    labels.to_csv(tmp_path / "labels.csv", index=False)
    conditions = ("--condition", "temperature:K", "--condition", "route")

    audited = run.succeed("finetune", "audit", "--data", "labels.csv", "--column", "v", *conditions, "--json")
    check = json.loads(audited.stdout)
    assert (check["n_usable"], check["conflicts"]) == (len(labels), [])
    assert check["conditions"][1] == "route: flux, sol-gel"

    made = run.succeed(
        "finetune", "create", "--data", "labels.csv", "--column", "v", "--unit", "A3", "--name", "swelling",
        *conditions, "--strategy", "block_gp", "--wait", "--json",
    )  # fmt: skip
    errors = json.loads(made.stdout.splitlines()[-1])["cross_validated_mae"]
    assert errors["block_gp"] < 0.5 * errors["pool_median"]
    run.succeed("finetune", "promote", "swelling", "--override", "a test")
    # Replicas look up the aliases every few seconds.
    assert eventually(lambda: run("models", "show", "swelling").returncode == 0, seconds=60)
    shown = json.loads(run("models", "show", "swelling", "--json").stdout)
    assert [entry["name"] for entry in shown["conditions"]] == ["temperature", "route"]

    asked = [structure for structure in unlabelled_structures(6) for _ in range(2)]
    hot = np.array([350.0, 850.0] * 6)
    candidates = table(asked, hot, np.array(["flux"] * 11 + ["melt"], dtype=object))
    candidates.to_csv(tmp_path / "candidates.csv", index=False)
    run.succeed("screen", "candidates.csv", "--out", "ranked.jsonl", "--model", "swelling")
    ranked = pd.read_json(tmp_path / "ranked.jsonl", lines=True)
    pairs = ranked["value"].to_numpy().reshape(6, 2)
    assert (pairs[:, 1] > pairs[:, 0]).all()
    assert "no label has route 'melt'" in ranked["notes"].iloc[-1]
    assert ranked["domain_verdict"].iloc[-1] != "IN_DOMAIN"
    celsius = candidates.assign(T=candidates["temperature"] - 273.15).drop(columns=["temperature", "route"])
    celsius.iloc[:11].to_csv(tmp_path / "celsius.csv", index=False)
    renamed = run.succeed(
        "predict", "celsius.csv", "--model", "swelling", "--condition", "temperature=T:degC", "--at", "route=flux",
        "--json",
    )  # fmt: skip
    values = [json.loads(line)["predictions"][0]["value"] for line in renamed.stdout.splitlines()]
    np.testing.assert_allclose(values, ranked["value"].iloc[:11], rtol=1e-4)
    blind = run.succeed("screen", "celsius.csv", "--out", "blind.jsonl", "--model", "swelling")
    assert "MISSING_CONDITION" in blind.stderr
    unknown = pd.read_json(tmp_path / "blind.jsonl", lines=True)
    width = (ranked["upper"] - ranked["lower"]).iloc[:11]
    assert ((unknown["upper"] - unknown["lower"]) > width).all()

    measured = labels.iloc[:20].assign(measured=labels["v"].iloc[:20])
    measured.to_csv(tmp_path / "measured.csv", index=False)
    run.succeed(
        "measurements", "report", "--data", "measured.csv", "--column", "measured", "--unit", "A3",
        "--model", "swelling", "--condition", "temperature", "--condition", "route", "--json",
    )  # fmt: skip
