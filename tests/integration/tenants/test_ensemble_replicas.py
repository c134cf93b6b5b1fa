"""The networks in a replica of their own, which intake asks: a cluster with GPUs runs them so."""

from pathlib import Path

import pytest
from product import Product, crystals_table

from epitaxy_models.data.crystals import bundled_crystals

pytestmark = pytest.mark.stack


def test_killing_the_ensemble_replica_loses_nothing(
    tenant_product: Product, keys: dict[str, str], tmp_path: Path
) -> None:
    source = crystals_table(tmp_path)
    table = tenant_product.screened_while_replicas_die("ensemble", 1, source, tmp_path, EPITAXY_API_KEY=keys["acme"])
    assert table["id"].nunique() == len(bundled_crystals())
    assert table["error_reason"].isna().all()
