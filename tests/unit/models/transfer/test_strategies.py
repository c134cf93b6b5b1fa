"""What every frozen strategy must satisfy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.errors import CheckpointError
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies import BlockGP, EmbeddingRidge, PoolMedian, frozen_strategies, restore
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferStrategy

Problem = tuple[TransferInputs, np.ndarray]
TRAIN, TEST = np.arange(100), np.arange(100, 160)


@pytest.fixture(params=[BlockGP(), EmbeddingRidge(), PoolMedian()], ids=lambda strategy: strategy.name)
def strategy(request: pytest.FixtureRequest) -> TransferStrategy:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def fitted(strategy: TransferStrategy, smooth_problem: Problem) -> FittedStrategy:
    inputs, labels = smooth_problem
    return strategy.fit(inputs.take(TRAIN), labels[TRAIN], seed=1)


def test_predictions_do_not_depend_on_the_other_rows(fitted: FittedStrategy, smooth_problem: Problem) -> None:
    tested = smooth_problem[0].take(TEST)
    together = fitted.predict(tested)
    for row in (0, 17, 59):
        alone = fitted.predict(tested.take(np.array([row])))
        np.testing.assert_allclose(alone.values, together.values[[row]], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(alone.stds, together.stds[[row]], rtol=1e-6)


def test_one_seed_gives_one_fit(strategy: TransferStrategy, fitted: FittedStrategy, smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    again = strategy.fit(inputs.take(TRAIN), labels[TRAIN], seed=1)
    one, two = fitted.predict(inputs), again.predict(inputs)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.stds, two.stds)


def test_state_survives_json_and_npz(
    fitted: FittedStrategy,
    smooth_problem: Problem,
    stored_and_restored: Callable[[FittedStrategy], FittedStrategy],
) -> None:
    inputs, _ = smooth_problem
    one, two = fitted.predict(inputs), stored_and_restored(fitted).predict(inputs)
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.stds, two.stds)


def test_answers_are_finite_and_expected_errors_positive(fitted: FittedStrategy, smooth_problem: Problem) -> None:
    inputs, _ = smooth_problem
    far = replace(inputs, blocks={name: block * 1e6 for name, block in inputs.blocks.items()})
    for known in (inputs, far):
        prediction = fitted.predict(known)
        assert np.isfinite(prediction.values).all()
        assert np.isfinite(prediction.stds).all()
        assert prediction.stds.min() > 0


def test_expected_errors_have_the_size_of_the_errors(fitted: FittedStrategy, smooth_problem: Problem) -> None:
    inputs, labels = smooth_problem
    prediction = fitted.predict(inputs.take(TEST))
    z = (prediction.values - labels[TEST]) / prediction.stds
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5


@pytest.mark.parametrize("n", [10, 12])
def test_ten_labels_are_enough(strategy: TransferStrategy, smooth_problem: Problem, n: int) -> None:
    inputs, labels = smooth_problem
    prediction = strategy.fit(inputs.take(TRAIN[:n]), labels[:n], seed=0).predict(inputs.take(TEST))
    error = np.abs(prediction.values - labels[TEST]).mean()
    assert error < 1.25 * np.abs(labels[TEST] - np.median(labels[:n])).mean()


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_equal_labels_are_predicted_again(strategy: TransferStrategy, smooth_problem: Problem, value: float) -> None:
    inputs, _ = smooth_problem
    prediction = strategy.fit(inputs.take(TRAIN), np.full(len(TRAIN), value), seed=0).predict(inputs)
    np.testing.assert_allclose(prediction.values, value, atol=1e-6)
    assert np.isfinite(prediction.stds).all()


def test_a_state_of_unknown_kind_is_refused() -> None:
    with pytest.raises(CheckpointError, match="unknown strategy 'oracle': is this code older"):
        restore(StrategyState("oracle", {}, {}))


def test_a_state_that_lacks_a_tensor_is_refused(fitted: FittedStrategy) -> None:
    state = fitted.state()
    with pytest.raises(CheckpointError, match=f"state of {state.kind} is damaged"):
        restore(StrategyState(state.kind, {}, {}))


def test_the_default_comes_first_and_the_median_is_a_candidate() -> None:
    names = [strategy.name for strategy in frozen_strategies()]
    assert names[0] == "block_gp"
    assert {"pool_median", "descriptor_forest", "embedding_ridge"} <= set(names)
