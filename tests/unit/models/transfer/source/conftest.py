from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, save_artifact
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, build_graph
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.source_index import FaissIndex, SourceIndex, build_source_index, described_materials
from epitaxy_models.structures import Structure
from epitaxy_models.testing.domains import random_domain

CONFIG = BackboneConfig(n_members=2, width=16, n_layers=2)
N_SOURCE, N_HELD_OUT = 180, 30


@pytest.fixture(scope="session")
def crystals() -> list[Structure]:
    return [crystal.structure for crystal in bundled_crystals()]


@pytest.fixture(scope="session")
def graphs(crystals: list[Structure]) -> list[CrystalGraph]:
    return [build_graph(crystal) for crystal in crystals]


@pytest.fixture(scope="session")
def model_folder(crystals: list[Structure], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with fresh weights, which serves a formation energy and a gap."""
    torch.manual_seed(3)
    backbone, heads = StackedBackbone(CONFIG), PropertyHeads(CONFIG.n_members, CONFIG.embedding_width, 2)
    parts = {"backbone": backbone.state_dict(), "heads": heads.state_dict()}
    weights = {f"{part}.{name}": value.numpy() for part, state in parts.items() for name, value in state.items()}
    calibrator = Calibrator(tuple(np.linspace(0.5, 3, 100).tolist()), 0.05, 400)
    definitions = (
        PropertyDefinition("formation_energy", "eV/atom", Fidelity.PBE, "PBE", "energy"),
        PropertyDefinition("band_gap", "eV", Fidelity.PBE, "PBE", "gap", lower_bound=0.0),
    )
    properties = (
        PropertyCard(definition, head, calibrator, METHOD, 0.9, 0.9, 300, {})
        for head, definition in enumerate(definitions)
    )
    data = TrainingData("none", "nobody", "CC0", "by formula", 4, 3, 2, 1)
    card = ModelCard("small", "1", "two networks", "CC0", CONFIG, DEFAULT_RULE, tuple(properties), data, {})
    domain = random_domain(CONFIG.embedding_width, 2, np.full(119, 50))
    folder = tmp_path_factory.mktemp("model")
    save_artifact(folder, card, weights, domain, GeometryModel.fit(crystals[:200], crystals[200:]))
    return folder


@pytest.fixture(scope="session")
def artifact(model_folder: Path) -> ModelArtifact:
    return load_artifact(model_folder)


@pytest.fixture(scope="session")
def index(artifact: ModelArtifact, crystals: list[Structure], graphs: list[CrystalGraph]) -> SourceIndex:
    """Of the first crystals; the last of them has no gap."""
    labels = np.stack([np.linspace(-3, 0, N_SOURCE), np.linspace(0, 5, N_SOURCE)], axis=1).astype(np.float32)
    labels[-1, 1] = np.nan
    rows, held_out = np.arange(N_SOURCE), np.arange(N_SOURCE, N_SOURCE + N_HELD_OUT)
    names = [f"mp-{row}" for row in rows]
    materials = described_materials(names, crystals[:N_SOURCE], graphs[:N_SOURCE])
    return build_source_index(artifact, collate(graphs), rows, held_out, materials, labels)


@pytest.fixture(scope="session")
def vectors(index: SourceIndex) -> FaissIndex:
    found = FaissIndex(index.n_directions)
    index.fill(found)
    return found
