from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.tasks import Task

TASKS = (
    Task("energy", PropertyDefinition("energy", "eV/atom", Fidelity.PBE, "PBE", "e"), 1.0, True, True),
    Task("gap", PropertyDefinition("gap", "eV", Fidelity.PBE, "PBE", "g", lower_bound=0.0), 0.5, is_served=True),
    Task("teacher", PropertyDefinition("teacher", "eV", Fidelity.PBE, "PBE", "t"), 0.2),
)
# Enough rows to calibrate (200) and to measure.
N_CALIBRATION, N_TEST, N_VALIDATION = 205, 100, 20


@pytest.fixture(scope="package", autouse=True)
def single_thread() -> Iterator[None]:
    """Small batches gain nothing from threads and lose much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def data() -> LabelledGraphs:
    """The bundled crystals with smooth synthetic labels of volume and elements, a third of them missing."""
    structures = [crystal.structure for crystal in bundled_crystals()]
    numbers = np.arange(119) / 30
    shares = composition_of([structure.atomic_numbers for structure in structures])
    volume = np.array([structure.volume / structure.n_sites for structure in structures]) / 20
    noise = np.random.default_rng(0).normal(scale=0.02, size=(3, len(structures)))
    gap = np.maximum(0, 2 - volume)
    labels = np.stack([shares @ np.sin(numbers) + volume, gap, volume**2]).T + noise.T
    labels[np.random.default_rng(1).random(len(structures)) < 0.2, 2] = np.nan
    parts = np.full(len(structures), "train", dtype="<U11")
    order = np.random.default_rng(2).permutation(len(structures))
    ends = np.cumsum([N_CALIBRATION, N_TEST, N_VALIDATION])
    for name, rows in zip(("calibration", "test", "validation"), np.split(order, ends)[:3], strict=True):
        parts[rows] = name
    formulas = tuple(structure.reduced_formula for structure in structures)
    graphs = collate([build_graph(structure) for structure in structures])
    return LabelledGraphs(graphs, labels.astype(np.float32), formulas, parts)


@pytest.fixture(scope="package")
def config() -> TrainingConfig:
    return TrainingConfig(
        members=(0, 1), epochs=2, batch_size=16, warmup_steps=5, width=16, n_layers=2, ema_decay=0.9, tasks=TASKS
    )


@pytest.fixture(scope="package")
def longer(config: TrainingConfig) -> TrainingConfig:
    return replace(config, epochs=12)
