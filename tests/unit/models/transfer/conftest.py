import io
import json
from collections.abc import Callable

import numpy as np
import pytest

from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.testing.specimens import specimens
from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.strategies import restore
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState

MakeInputs = Callable[..., TransferInputs]


@pytest.fixture(scope="session")
def make_inputs() -> MakeInputs:
    """Inputs with the given blocks; structures and graphs repeat a few specimens."""
    known = [(structure, build_graph(structure)) for structure in specimens().values()]

    def make(**blocks: np.ndarray) -> TransferInputs:
        n_rows = len(next(iter(blocks.values())))
        chosen = [known[row % len(known)] for row in range(n_rows)]
        structures, graphs = zip(*chosen, strict=True)
        return TransferInputs(structures, graphs, {name.replace("__", "/"): block for name, block in blocks.items()})

    return make


@pytest.fixture(scope="session")
def smooth_problem(make_inputs: MakeInputs) -> tuple[TransferInputs, np.ndarray]:
    """160 rows whose labels are smooth in the descriptors and linear in the substrate, with noise of 0.1."""
    random = np.random.default_rng(5)
    latent = random.normal(size=(160, 3))
    labels = np.sin(latent[:, 0]) + latent[:, 1] + 0.1 * random.normal(size=160)
    inputs = make_inputs(
        **{
            DESCRIPTORS: np.tanh(latent @ random.normal(size=(3, 12))),
            EMBEDDING: latent @ random.normal(size=(3, 20)) + 0.1 * random.normal(size=(160, 20)),
            SUBSTRATE: latent[:, 1:] + 0.3 * random.normal(size=(160, 2)),
        }
    )
    return inputs, labels


@pytest.fixture(scope="session")
def stored_and_restored() -> Callable[[FittedStrategy], FittedStrategy]:
    """A fitted strategy after its state went through JSON and npz."""

    def round_trip(fitted: FittedStrategy) -> FittedStrategy:
        state = fitted.state()
        file = io.BytesIO()
        np.savez(file, **state.tensors)
        file.seek(0)
        with np.load(file, allow_pickle=False) as tensors:
            return restore(StrategyState(state.kind, json.loads(json.dumps(state.settings)), dict(tensors)))

    return round_trip
