import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.domain import DomainModel
from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import save_artifact
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.graphs.graph import DEFAULT_RULE
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.testing.domains import random_domain

CONFIG = BackboneConfig(n_members=3, width=8, n_layers=2)


@pytest.fixture(scope="session")
def card() -> ModelCard:
    energy = PropertyDefinition("formation_energy", "eV/atom", Fidelity.PBE, "PBE", "energy")
    gap = PropertyDefinition("band_gap", "eV", Fidelity.HSE06, "HSE06", "gap", lower_bound=0.0)
    calibrator = Calibrator(tuple(np.linspace(0.5, 3, 100).tolist()), 0.05, 400)
    return ModelCard(
        name="small",
        version="3",
        description="three small networks",
        license="CC0",
        backbone=CONFIG,
        rule=DEFAULT_RULE,
        properties=tuple(
            PropertyCard(definition, head, calibrator, METHOD, 0.91, 0.9, 300, {"mae": 0.2})
            for definition, head in ((energy, 0), (gap, 2))
        ),
        training_data=TrainingData("none", "nobody", "CC0", "by formula", 4, 3, 2, 1),
        training={"epochs": 1},
    )


@pytest.fixture(scope="session")
def weights() -> dict[str, np.ndarray]:
    """Fresh weights of three members and three heads, by name."""
    torch.manual_seed(8)
    backbone, heads = StackedBackbone(CONFIG), PropertyHeads(CONFIG.n_members, CONFIG.embedding_width, 3)
    with torch.no_grad():
        heads.references.normal_()
        heads.spreads.uniform_(0.5, 2)
    parts = {"backbone": backbone.state_dict(), "heads": heads.state_dict()}
    return {f"{part}.{name}": value.numpy() for part, state in parts.items() for name, value in state.items()}


@pytest.fixture(scope="session")
def domain() -> DomainModel:
    return random_domain(CONFIG.embedding_width, 2, np.arange(119) * 10)


@pytest.fixture
def saved(
    card: ModelCard,
    weights: dict[str, np.ndarray],
    domain: DomainModel,
    tmp_path: Path,
) -> Path:
    """Folder of a small model."""
    structures = [crystal.structure for crystal in bundled_crystals()]
    geometry = GeometryModel.fit(structures[:300], structures[300:])
    save_artifact(tmp_path / "small", card, weights, domain, geometry)
    return tmp_path / "small"


@pytest.fixture
def edit_card(saved: Path) -> Callable[[Callable[[dict[str, object]], object]], None]:
    """Changes the card of the small model as JSON."""

    def edit(change: Callable[[dict[str, object]], object]) -> None:
        path = saved / "card.json"
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return edit
