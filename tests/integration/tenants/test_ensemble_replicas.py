"""The networks in a replica of their own, which intake asks: a cluster with GPUs runs them so."""

import json
from pathlib import Path

import pytest
from product import Product

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import structure_to_column

pytestmark = pytest.mark.stack


def test_killing_the_ensemble_replica_loses_nothing(
    tenant_product: Product, keys: dict[str, str], tmp_path: Path
) -> None:
    source = tmp_path / "crystals.jsonl"
    with source.open("w") as file:
        for crystal in bundled_crystals():
            row = {"id": crystal.identifier, "structure": structure_to_column(crystal.structure)}
            file.write(json.dumps(row) + "\n")
    table = tenant_product.screened_while_replicas_die("ensemble", 1, source, tmp_path, EPITAXY_API_KEY=keys["acme"])
    assert table["id"].nunique() == len(bundled_crystals())
    assert table["error_reason"].isna().all()
