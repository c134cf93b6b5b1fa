"""The whole product with two tenants, started once."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "screening"))

from product import Product

from epitaxy.chassis.api_keys import KeyHash, new_api_key


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture(scope="session")
def tenant_product(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Iterator[Product]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("tenants")
    file = folder / "tenants.json"
    file.write_text(json.dumps({name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EPITAXY_GATEWAY_TENANTS_FILE", str(file))
        for name in ("MLFLOW_TRACKING_URI", "EPITAXY_REGISTRY_FOLDER", "EPITAXY_API_KEY"):
            environment.delenv(name, raising=False)
        running = Product(folder / "home")
    try:
        yield running
    finally:
        running.stop()
