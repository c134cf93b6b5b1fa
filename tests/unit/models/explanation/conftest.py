from collections.abc import Callable, Iterator, Mapping

import pytest
import torch

from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.explanation.ablation import AblatedCrystal
from epitaxy_models.explanation.anatomy import CrystalAnatomy
from epitaxy_models.explanation.explainer import Explainer
from epitaxy_models.explanation.network import ExplainedNetwork
from epitaxy_models.structures import Structure
from epitaxy_models.testing.specimens import specimens

ENERGY, GAP = "formation_energy", "band_gap"


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="session")
def explainer(artifact: ModelArtifact) -> Explainer:
    return Explainer(artifact, shipped_model())


@pytest.fixture(scope="session")
def crystals() -> Mapping[str, Structure]:
    return specimens()


@pytest.fixture(scope="session")
def ablated(artifact: ModelArtifact) -> Callable[..., AblatedCrystal]:
    network = ExplainedNetwork(artifact)

    def build(structure: Structure, name: str = ENERGY) -> AblatedCrystal:
        return AblatedCrystal(network, CrystalAnatomy.of(structure, artifact.card.rule), name)

    return build
