"""The running product with two tenants, and with the networks in a replica of their own, as a GPU has them."""

import json
from pathlib import Path

import pytest
from product import OneProduct, Product

from epitaxy.chassis.api_keys import KeyHash, new_api_key


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture(scope="session")
def tenants_file(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Path:
    file = tmp_path_factory.mktemp("tenants") / "tenants.json"
    file.write_text(json.dumps({name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}))
    return file


@pytest.fixture(scope="module")
def tenant_product(one_product: OneProduct, tenants_file: Path) -> Product:
    return one_product.running(
        EPITAXY_GATEWAY_TENANTS_FILE=str(tenants_file),
        EPITAXY_PREDICTION_INTAKE_REPLICAS="1",
        EPITAXY_PREDICTION_ENSEMBLE_REPLICAS="1",
    )
