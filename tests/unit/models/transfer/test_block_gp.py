import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from epitaxy_models.transfer.inputs import DESCRIPTORS, EMBEDDING, SUBSTRATE, TransferInputs
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.block_kernel import KernelTerm, Shape
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.marginal_likelihood import KernelPrior, PosteriorObjective

MakeInputs = Callable[..., TransferInputs]
Problem = tuple[TransferInputs, np.ndarray]
TRAIN, TEST = np.arange(100), np.arange(100, 160)


def test_the_gradient_is_that_of_the_objective() -> None:
    random = np.random.default_rng(2)
    rows = {name: random.normal(size=(30, 4)).astype(np.float32) for name in ("a", "b")}
    terms = [KernelTerm("a", Shape.RBF), KernelTerm("b", Shape.MATERN), KernelTerm("b", Shape.LINEAR)]
    objective = PosteriorObjective(terms, rows, random.normal(size=30), KernelPrior())
    vector = random.normal(-0.5, 0.5, size=len(objective.bounds))
    numeric = approx_fprime(vector, lambda v: objective(v)[0], 1e-6)
    np.testing.assert_allclose(objective(vector)[1], numeric, rtol=1e-3, atol=1e-4)


def test_a_smooth_function_is_learned_and_its_noise_found(smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    fitted = BlockGP().fit(inputs.take(TRAIN), labels[TRAIN], seed=0)
    errors = np.abs(fitted.predict(inputs.take(TEST)).values - labels[TEST])
    assert errors.mean() < 0.15
    assert 0.06 < fitted.noise_std < 0.16


def test_a_useless_block_gets_a_small_weight(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(3)
    useful, useless = random.normal(size=(100, 5)), random.normal(size=(100, 300))
    inputs = make_inputs(descriptors=useful, embedding=useless)
    labels = np.sin(useful[:, 0]) + useful[:, 1] + 0.1 * random.normal(size=100)
    weights = BlockGP().fit(inputs, labels, seed=0).block_weights()
    assert weights[DESCRIPTORS] > 0.7
    assert weights[EMBEDDING] < 0.05
    assert sum(weights.values()) < 1


@pytest.mark.parametrize("n", [25, 100])
def test_pure_noise_is_answered_with_the_median(make_inputs: MakeInputs, n: int) -> None:
    random = np.random.default_rng(4)
    blocks = {DESCRIPTORS: (n + 200, 40), EMBEDDING: (n + 200, 60), SUBSTRATE: (n + 200, 3)}
    inputs = make_inputs(**{name: random.normal(size=shape) for name, shape in blocks.items()})
    ratios, shares = [], []
    for seed in range(6):
        labels = np.random.default_rng(seed).normal(5, 2, size=n + 200)
        fitted = BlockGP().fit(inputs.take(np.arange(n)), labels[:n], seed=seed)
        errors = np.abs(fitted.predict(inputs.take(np.arange(n, n + 200))).values - labels[n:])
        ratios.append(errors.mean() / np.abs(labels[n:] - np.median(labels[:n])).mean())
        shares.append(sum(fitted.block_weights().values()))
    assert np.mean(ratios) < 1.02
    assert np.mean(shares) < 0.2


def test_linear_terms_on_every_block_are_for_few_labels(smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    for n, blocks in ((80, {DESCRIPTORS, EMBEDDING, SUBSTRATE}), (81, {SUBSTRATE})):
        fitted = BlockGP().fit(inputs.take(np.arange(n)), labels[:n], seed=0)
        assert {term.block for term in fitted.terms if term.shape is Shape.LINEAR} == blocks


def test_25_labels_of_a_clear_function_are_trusted(smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    fitted = BlockGP().fit(inputs.take(np.arange(25)), labels[:25], seed=0)
    assert fitted.trust > 0.99


def test_far_from_every_label_the_median_is_predicted_with_the_whole_spread(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(6)
    block = random.normal(size=(80, 2))
    labels = 3 + np.sin(2 * block[:, 0]) + np.cos(2 * block[:, 1])
    fitted = BlockGP(linear=(), n_linear_max=0).fit(make_inputs(descriptors=block), labels, seed=0)
    prediction = fitted.predict(make_inputs(descriptors=np.full((1, 2), 50.0)))
    assert prediction.values[0] == pytest.approx(np.median(labels), abs=0.4)
    assert prediction.stds[0] > 0.5 * labels.std()


def test_known_low_fidelity_values_carry_where_they_are_known(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(7)
    cheap = random.normal(size=200)
    labels = 1.3 * cheap + 0.4 + 0.05 * random.normal(size=200)
    is_known = np.arange(200) % 3 > 0
    column = np.stack([np.where(is_known, cheap, 0.0), is_known], axis=1).astype(float)
    inputs = make_inputs(descriptors=random.normal(size=(200, 6)), low_fidelity__gap_pbe=column)
    fitted = BlockGP().fit(inputs.take(np.arange(100)), labels[:100], seed=0)
    prediction = fitted.predict(inputs.take(np.arange(100, 200)))
    errors = np.abs(prediction.values - labels[100:])
    assert errors[is_known[100:]].mean() < 0.2
    assert prediction.stds[~is_known[100:]].min() > 2 * np.median(prediction.stds[is_known[100:]])


def test_constant_and_outlying_columns_do_no_harm() -> None:
    random = np.random.default_rng(8)
    block = np.concatenate([np.full((50, 1), 0.1), random.normal(size=(50, 2))], axis=1)
    scale = BlockScale.fit(block)
    scaled = scale(block)
    assert not scaled[:, 0].any()
    assert (scaled**2).sum(axis=1).mean() == pytest.approx(1.0, rel=1e-5)
    assert (scale(np.full((1, 3), 1e12)) ** 2).sum() < 100


def test_250_labels_of_full_width_take_about_a_second(make_inputs: MakeInputs) -> None:
    random = np.random.default_rng(9)
    latent = random.normal(size=(250, 8))
    inputs = make_inputs(
        descriptors=latent @ random.normal(size=(8, 300)),
        embedding=np.tanh(latent @ random.normal(size=(8, 2400))),
        substrate_predictions=latent[:, :7],
    )
    start = time.process_time()
    BlockGP().fit(inputs, latent[:, 0] + np.sin(latent[:, 1]), seed=0)
    assert time.process_time() - start < 5
