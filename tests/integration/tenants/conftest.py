"""The running product with tenants, two substrates, and the networks in a replica of their own, as a GPU has them."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from home_of_before import TENANT_OF_BEFORE, unpack_home_of_before
from product import OneProduct, Product

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy_models.testing.substrates import write_later_substrate


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    return {tenant: new_api_key() for tenant in ("acme", "globex", TENANT_OF_BEFORE)}


@pytest.fixture(scope="session")
def tenants_file(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Path:
    file = tmp_path_factory.mktemp("tenants") / "tenants.json"
    file.write_text(json.dumps({name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}))
    file.chmod(0o600)
    return file


@pytest.fixture(scope="session")
def later_substrate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What new models stand on here; the shipped substrate is an earlier one, on which models of before stand."""
    return write_later_substrate(tmp_path_factory.mktemp("later") / "substrate", "1000")


@pytest.fixture(scope="module")
def tenant_product(one_product: OneProduct, tenants_file: Path, later_substrate: Path) -> Product:
    return one_product.running(
        unpack_home_of_before,
        EPITAXY_PREDICTION_MODEL_FOLDER=str(later_substrate),
        EPITAXY_FINETUNE_MODEL_FOLDER=str(later_substrate),
        EPITAXY_GATEWAY_TENANTS_FILE=str(tenants_file),
        EPITAXY_PREDICTION_INTAKE_REPLICAS="1",
        EPITAXY_PREDICTION_ENSEMBLE_REPLICAS="1",
    )
