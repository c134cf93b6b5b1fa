"""A tenant's model on the whole running stack: registered, promoted, served by name, rolled back, and nobody else's."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from product import Product, eventually

from epitaxy.chassis.model_names import ModelName
from epitaxy.client import Client
from epitaxy.client.errors import NotFoundError
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.ensembles.artifact import load_artifact
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.structures import Structure
from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.testing.tenant_model import TenantModelRecipe, unlabelled_structures
from epitaxy_models.transfer.strategies import EmbeddingRidge

pytestmark = pytest.mark.stack

MODEL = ModelName("acme", "volume")
OFFSET = 100.0
N_CRYSTALS = 8


@pytest.fixture(scope="module")
def registry(tenant_product: Product) -> MlflowRegistry:
    """The stack's own registry, from a process beside it."""
    return MlflowRegistry(RegistrySettings(folder=tenant_product.home / "registry"))


@dataclass(frozen=True)
class Registered:
    """A registered version, and what its model says of the crystals without any service."""

    version: str
    alone: np.ndarray


@pytest.fixture(scope="module")
def versions(
    registry: MlflowRegistry, tmp_path_factory: pytest.TempPathFactory, later_substrate: Path
) -> list[Registered]:
    """Two versions of one model, of which the second predicts 100 more."""
    torch.set_num_threads(1)
    artifact = load_artifact(later_substrate)
    embedder, folder = Embedder(artifact), tmp_path_factory.mktemp("versions")
    registered = []
    for number, offset in enumerate((0.0, OFFSET)):
        recipe = TenantModelRecipe(offset=offset, n_members=1, strategies=(EmbeddingRidge(),))
        model = recipe.model(artifact, embedder)
        model.save(folder / str(number))
        inputs = recipe.inputs(artifact, embedder, unlabelled_structures(N_CRYSTALS))
        version = registry.register(MODEL, folder / str(number)).version
        registered.append(Registered(version, model.predict(inputs, 0.9).values[:, 0]))
    return registered


@pytest.fixture
def acme(tenant_product: Product, keys: dict[str, str]):
    with Client(tenant_product.target, api_key=keys["acme"]) as client:
        yield client


@pytest.fixture
def globex(tenant_product: Product, keys: dict[str, str]):
    with Client(tenant_product.target, api_key=keys["globex"]) as client:
        yield client


@pytest.fixture(scope="module")
def crystals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("crystals")
    return [
        _poscar(structure, folder / f"{number}.vasp")
        for number, structure in enumerate(unlabelled_structures(N_CRYSTALS))
    ]


def _poscar(structure: Structure, path: Path) -> Path:
    rows = [" ".join(map(repr, row)) for row in structure.lattice.tolist()]
    sites = [" ".join(map(repr, row)) for row in structure.frac_coords.tolist()]
    names = " ".join(symbol_of(number) for number in structure.atomic_numbers.tolist())
    lines = ["made here", "1.0", *rows, names, " ".join(["1"] * structure.n_sites), "Direct", *sites]
    path.write_text("\n".join(lines) + "\n")
    return path


def values(client: Client, crystals: list[Path]) -> np.ndarray:
    return np.array([result.predictions[0].value for result in client.predict(crystals, model=str(MODEL))])


def served_version(client: Client, crystals: list[Path]) -> str:
    return client.predict(crystals[:1], model=str(MODEL))[0].model_version


def test_a_model_is_served_rolled_back_and_invisible_to_others(
    registry: MlflowRegistry, versions: list[Registered], acme: Client, globex: Client, crystals: list[Path]
) -> None:
    one, two = (entry.version for entry in versions)
    with pytest.raises(NotFoundError, match="has no champion"):
        acme.predict(crystals, model=str(MODEL))
    registry.promote(MODEL, one)
    assert eventually(lambda: _is_served(acme, crystals), seconds=30)
    first = acme.predict(crystals, model=str(MODEL))
    assert {(result.model, result.model_version) for result in first} == {("acme/volume", one)}
    np.testing.assert_allclose(values(acme, crystals), versions[0].alone, rtol=1e-4)

    registry.promote(MODEL, two)
    began = time.monotonic()
    assert eventually(lambda: served_version(acme, crystals) == two, seconds=30)
    assert time.monotonic() - began < 15, "a promotion takes effect within seconds"
    np.testing.assert_allclose(values(acme, crystals), versions[1].alone, rtol=1e-4)
    assert all(result.cache_hit for result in acme.predict(crystals)), "the shared model finds the same embeddings"

    registry.roll_back(MODEL)
    assert eventually(lambda: served_version(acme, crystals) == one, seconds=30)
    assert acme.predict(crystals[:1], model=f"{MODEL}:{two}")[0].model_version == two

    messages = set()
    for name in ("acme/volume", "acme/nothing", f"acme/volume:{one}"):
        with pytest.raises(NotFoundError, match="no model named") as caught:
            globex.predict(crystals, model=name)
        text = str(caught.value).partition(" (request ")[0]
        messages.add(text.replace(name.partition(":")[0], "NAME"))
    assert len(messages) == 1, "what there is and what there is not read the same"
    assert "acme/volume" in {card.name for card in acme.list_models()}
    shared = {"substrate-mp", "substrate-composition", "substrate-molecule"}
    assert {card.name for card in globex.list_models()} == shared


def _is_served(client: Client, crystals: list[Path]) -> bool:
    try:
        return bool(served_version(client, crystals))
    except NotFoundError:
        return False
