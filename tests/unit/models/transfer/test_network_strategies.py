"""Networks on few labels: they learn, repeat themselves, are kept and rebuilt, and stay near where they started."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.transfer import strategies
from epitaxy_models.transfer.fitted.files import is_network
from epitaxy_models.transfer.inputs import LOW_FIDELITY_PREFIX, TransferInputs
from epitaxy_models.transfer.strategies.networks.batches import minibatches
from epitaxy_models.transfer.strategies.networks.fine_tune import (
    FittedNetwork,
    FullFineTune,
    PartialFineTune,
    ScratchNetwork,
)
from epitaxy_models.transfer.strategies.networks.start import pretrained_network
from epitaxy_models.transfer.strategies.networks.training import Training, TrainingPlan
from epitaxy_models.transfer.strategy import StrategyState, TransferStrategy

N_TRAIN, N_TEST = 40, 16
PLAN = TrainingPlan(max_epochs=4, batch_size=16, rate=2e-3, depth_decay=0.5, check_every=2, patience=2)
SCRATCH_PLAN = TrainingPlan(max_epochs=20, batch_size=10, rate=1e-2, check_every=5)
SHAPE = BackboneConfig(n_members=2, width=16, n_layers=2)
NAMES = ("scratch_network", "partial_fine_tune", "full_fine_tune")


@pytest.fixture(scope="module")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def inputs() -> TransferInputs:
    crystals = [crystal.structure for crystal in bundled_crystals() if len(crystal.structure.atomic_numbers) <= 4]
    chosen = [crystals[row] for row in np.random.default_rng(0).permutation(len(crystals))[: N_TRAIN + N_TEST]]
    return TransferInputs(tuple(chosen), tuple(build_graph(structure) for structure in chosen), {})


@pytest.fixture(scope="module")
def targets(inputs: TransferInputs) -> np.ndarray:
    """A property of the geometry, far from unit scale: what fresh weights can learn from few rows."""
    return np.array([500.0 - 60.0 * np.cbrt(s.volume / len(s.atomic_numbers)) for s in inputs.structures])


@pytest.fixture(scope="module")
def train(inputs: TransferInputs) -> TransferInputs:
    return inputs.take(np.arange(N_TRAIN))


@pytest.fixture(scope="module")
def test_part(inputs: TransferInputs) -> TransferInputs:
    return inputs.take(np.arange(N_TRAIN, N_TRAIN + N_TEST))


def strategy_named(name: str, artifact: ModelArtifact, plan: TrainingPlan = PLAN) -> TransferStrategy:
    if name == "scratch_network":
        return ScratchNetwork(SHAPE, SCRATCH_PLAN)
    kind = PartialFineTune if name == "partial_fine_tune" else FullFineTune
    return kind(artifact, n_members=2, plan=plan)


@pytest.fixture(scope="module")
def fitted(artifact: ModelArtifact, train: TransferInputs, targets: np.ndarray) -> dict[str, FittedNetwork]:
    """Each strategy fitted with seed 0."""
    return {name: strategy_named(name, artifact).fit(train, targets[:N_TRAIN], 0) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_beats_the_median_on_rows_it_has_not_seen(name, fitted, test_part, targets) -> None:
    prediction = fitted[name].predict(test_part)
    errors = np.abs(prediction.values - targets[N_TRAIN:])
    of_median = np.abs(np.median(targets[:N_TRAIN]) - targets[N_TRAIN:])
    assert errors.mean() < (0.8 if name == "scratch_network" else 0.4) * of_median.mean()
    assert (prediction.stds >= fitted[name].noise).all()
    assert prediction.values.dtype == prediction.stds.dtype == np.float64


@pytest.mark.parametrize("name", ["scratch_network", "partial_fine_tune"])
def test_same_seed_gives_the_same_fit_whatever_torch_did_before(name, artifact, fitted, train, targets) -> None:
    torch.manual_seed(12345)
    again = strategy_named(name, artifact).fit(train, targets[:N_TRAIN], 0)
    assert again.epochs == fitted[name].epochs
    np.testing.assert_array_equal(again.predict(train).values, fitted[name].predict(train).values)


def test_another_seed_gives_other_fresh_weights(train, targets) -> None:
    tiny = ScratchNetwork(replace(SHAPE, width=4), replace(SCRATCH_PLAN, max_epochs=1, check_every=1))
    one, two = (tiny.fit(train, targets[:N_TRAIN], seed).state().tensors["backbone.species"] for seed in (0, 1))
    assert not np.isclose(one, two, atol=0.05).all(axis=-1).any()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_does_not_depend_on_the_other_rows(name, fitted, test_part, targets) -> None:
    together = fitted[name].predict(test_part)
    alone = [fitted[name].predict(test_part.take(np.array([row]))) for row in range(4)]
    tolerance = 1e-5 * fitted[name].spread
    np.testing.assert_allclose([p.values[0] for p in alone], together.values[:4], rtol=0, atol=tolerance)
    np.testing.assert_allclose([p.stds[0] for p in alone], together.stds[:4], rtol=0, atol=tolerance)
    assert fitted[name].predict(test_part.take(np.zeros(0, dtype=np.int64))).values.shape == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_network_answers_to_the_last_bit(name, fitted, test_part) -> None:
    state = fitted[name].state()
    assert is_network([state.kind])
    assert state.tensors["backbone.species"].dtype == state.tensors["head.hidden"].dtype == np.float16
    kept = StrategyState(state.kind, json.loads(json.dumps(state.settings)), state.tensors)
    restored, wanted = strategies.restore(kept).predict(test_part), fitted[name].predict(test_part)
    np.testing.assert_array_equal(restored.values, wanted.values)
    np.testing.assert_array_equal(restored.stds, wanted.stds)


@pytest.mark.parametrize("damage", ["missing", "other shape"])
def test_a_damaged_state_is_refused(damage, fitted) -> None:
    state = fitted["scratch_network"].state()
    tensors = dict(state.tensors)
    species = tensors.pop("backbone.species")
    if damage == "other shape":
        tensors["backbone.species"] = species[:, :, :-1]
    with pytest.raises(CheckpointError, match="weights do not fit the settings"):
        strategies.restore(replace(state, tensors=tensors))


@pytest.fixture(scope="module")
def changes(artifact: ModelArtifact, train: TransferInputs, targets: np.ndarray) -> Callable[..., dict[str, float]]:
    """Mean change of each weight of the backbone after two epochs."""
    labels = (targets[:N_TRAIN] - targets[:N_TRAIN].mean()) / targets[:N_TRAIN].std()
    known, counted = np.zeros((N_TRAIN, 0), dtype=np.float32), np.ones((1, N_TRAIN), dtype=np.bool_)

    def measure(n_frozen: int = 0, **settings: float) -> dict[str, float]:
        network = pretrained_network(artifact, 1, n_known=0, n_frozen=n_frozen)
        batches = minibatches(network, train.graphs, known, np.arange(N_TRAIN), 8)
        plan = TrainingPlan(**{"max_epochs": 2, "batch_size": 8, "rate": 2e-3} | settings)
        training = Training(network, batches, labels, counted, plan, 0)
        # The readout starts at zero, which no gradient passes.
        with torch.no_grad():
            network.head.value.fill_(0.01)
        for _ in range(2):
            training.run_epoch()
        trained, start = training.average.backbone.state_dict(), pretrained_network(artifact, 1, 0, 0).backbone
        return {name: float((trained[name] - value.detach()).abs().mean()) for name, value in start.named_parameters()}

    return measure


def test_only_the_last_layer_below_the_head_learns_in_a_partial_fine_tune(changes) -> None:
    moved = {name for name, change in changes(n_frozen=3).items() if change}
    assert {name.rsplit(".", 1)[0] for name in moved - {"readout_gain"}} == {"layers.3"}
    assert len(moved) == 11


def test_all_layers_learn_in_a_full_fine_tune_those_near_the_head_the_more(changes) -> None:
    moved = changes(depth_decay=0.3)
    assert all(moved.values())
    by_layer = [moved[f"layers.{layer}.update_in"] for layer in range(4)]
    assert by_layer == sorted(by_layer)
    assert by_layer[3] > 5 * by_layer[0]


def test_the_pull_keeps_weights_near_the_pretrained_ones(changes) -> None:
    free, held = (changes(n_frozen=3, pull=pull)["layers.3.update_in"] for pull in (0.0, 100.0))
    assert 0 < held < 0.8 * free


def test_values_that_the_caller_knows_are_learned_from(artifact, inputs, targets) -> None:
    block = f"{LOW_FIDELITY_PREFIX}pbe"
    noise = np.random.default_rng(3).normal(size=len(targets)) * 200.0
    values = np.stack([noise, np.ones_like(noise)], axis=1)
    known = replace(inputs, blocks={block: values})
    strategy = PartialFineTune(artifact, n_members=1, plan=PLAN)
    fit = strategy.fit(known.take(np.arange(N_TRAIN)), noise[:N_TRAIN] * 2 + 7, 0)
    errors = np.abs(fit.predict(known.take(np.arange(N_TRAIN, N_TRAIN + N_TEST))).values - (noise[N_TRAIN:] * 2 + 7))
    assert errors.mean() < 0.7 * np.abs(noise[N_TRAIN:] * 2).mean()
    assert fit.known == (block,)


def test_the_start_is_the_substrate_itself(artifact, test_part) -> None:
    wanted = Embedder(artifact)(test_part.graphs)
    for n_frozen in (0, 3):
        network = pretrained_network(artifact, 5, n_known=0, n_frozen=n_frozen)
        known = np.zeros((N_TEST, 0), dtype=np.float32)
        batch = minibatches(network, test_part.graphs, known, np.arange(N_TEST), N_TEST)[0]
        embeddings = network.embed(batch.graph, batch.ground).detach().numpy().swapaxes(0, 1)
        # Float32 sums in another order: the embedder's pass is a compiled one (ADR 12).
        np.testing.assert_allclose(embeddings, wanted, rtol=0, atol=2e-5)


def test_the_callers_threads_are_given_back(artifact, train, targets) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        plan = replace(SCRATCH_PLAN, max_epochs=1, check_every=1)
        ScratchNetwork(BackboneConfig(n_members=1, width=4, n_layers=1), plan).fit(train, targets[:N_TRAIN], 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_formula_cannot_tell_how_long_to_train(artifact, train, targets) -> None:
    same = train.take(np.zeros(12, dtype=np.int64))
    with pytest.raises(ConfigurationError, match="labels of at least 2 different formulas"):
        strategy_named("partial_fine_tune", artifact).fit(same, targets[:12], 0)


def test_more_members_than_the_substrate_has_are_refused(artifact, train, targets) -> None:
    with pytest.raises(ConfigurationError, match="9 members with 3 frozen layers"):
        PartialFineTune(artifact, n_members=9).fit(train, targets[:N_TRAIN], 0)


@pytest.mark.parametrize("change", [{"rate": 0.0}, {"max_epochs": 0}, {"depth_decay": 1.5}, {"pull": -1.0}])
def test_impossible_plans_are_refused(change) -> None:
    with pytest.raises(ConfigurationError, match="must"):
        replace(PLAN, **change)
